"""A sweep, finished or not, as charts and one offline page. Draws what it is given; searches and ranks nothing."""
