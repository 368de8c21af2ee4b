CREATE TABLE endpoint_deployments (endpoint TEXT NOT NULL, generation INTEGER NOT NULL, deployment TEXT NOT NULL, model TEXT NOT NULL, bundle_folder TEXT NOT NULL, bundle_sha256 TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL, key_hashes TEXT NOT NULL, cpu REAL NOT NULL, memory_gib REAL NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, remedy TEXT NOT NULL, live INTEGER NOT NULL, server TEXT, restarts INTEGER NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, ended_at TEXT, PRIMARY KEY (endpoint, generation));
INSERT INTO "endpoint_deployments" VALUES('bands',1,'blue','bands:1','FOLDER/tiny','TINY_SHA256','127.0.0.1',38309,'[]',1.0,1.0,'Healthy','bands:1 answers','',0,NULL,0,'2026-11-24T13:27:10.455Z','2026-11-24T13:27:11.015Z','2026-11-24T13:27:11.527Z');
INSERT INTO "endpoint_deployments" VALUES('bands',2,'blue','bands:1','FOLDER/tiny','TINY_SHA256','127.0.0.1',39549,'[]',1.0,1.0,'Healthy','bands:1 answers','',0,NULL,0,'2026-11-24T13:27:11.528Z','2026-11-24T13:27:12.043Z','2026-11-24T13:27:12.419Z');
INSERT INTO "endpoint_deployments" VALUES('bands',3,'blue','bands:2','FOLDER/other','OTHER_SHA256','127.0.0.1',39549,'["0ad43102ec904d5c88a90adea2f43009ba0ecca25acf7759e54e9d6570a78402", "8f259fd6c03cce187edf6451261c2b14d1c9f8da4b641ea57217cf1915683dac"]',1.0,1.0,'Healthy','bands:2 answers','',1,'11754@1795526831.520',0,'2026-11-24T13:27:12.054Z','2026-11-24T13:27:12.420Z',NULL);
INSERT INTO "endpoint_deployments" VALUES('bands',4,'blue','bands:3','FOLDER/broken','TINY_SHA256','127.0.0.1',39549,'["0ad43102ec904d5c88a90adea2f43009ba0ecca25acf7759e54e9d6570a78402", "8f259fd6c03cce187edf6451261c2b14d1c9f8da4b641ea57217cf1915683dac"]',1.0,1.0,'Failed','ResourceNotReady: the server process 11757 ended with exit code 3: the bundle FOLDER/broken was changed or damaged:
  model.onnx: 1,426 bytes instead of 1,425; the end of its log:
2026-11-24T13:27:12+0000 INFO server process 11757 of bands:3 starts
error: the bundle FOLDER/broken was changed or damaged:
  model.onnx: 1,426 bytes instead of 1,425
accepted: the files whose hashes are in manifest.json
next: fetch or export the bundle again','fetch or export the bundle again',0,NULL,0,'2026-11-24T13:27:12.427Z','2026-11-24T13:27:12.727Z',NULL);
INSERT INTO "endpoint_deployments" VALUES('old_name',1,'b_1','bands:1','FOLDER/tiny','TINY_SHA256','127.0.0.1',34885,'[]',1.0,1.0,'Healthy','bands:1 answers','',1,'11760@1795526832.350',0,'2026-11-24T13:27:12.732Z','2026-11-24T13:27:13.175Z',NULL);
CREATE TABLE endpoint_events (endpoint TEXT NOT NULL, generation INTEGER NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL);
INSERT INTO "endpoint_events" VALUES('bands',1,'2026-11-24T13:27:10.455Z','Transitioning','asked for');
INSERT INTO "endpoint_events" VALUES('bands',1,'2026-11-24T13:27:10.623Z','Transitioning','the server of bands:1 is starting');
INSERT INTO "endpoint_events" VALUES('bands',1,'2026-11-24T13:27:11.015Z','Healthy','bands:1 answers');
INSERT INTO "endpoint_events" VALUES('bands',2,'2026-11-24T13:27:11.528Z','Transitioning','asked for');
INSERT INTO "endpoint_events" VALUES('bands',2,'2026-11-24T13:27:11.743Z','Transitioning','the server of bands:1 is starting');
INSERT INTO "endpoint_events" VALUES('bands',2,'2026-11-24T13:27:12.043Z','Healthy','bands:1 answers');
INSERT INTO "endpoint_events" VALUES('bands',3,'2026-11-24T13:27:12.054Z','Transitioning','asked for');
INSERT INTO "endpoint_events" VALUES('bands',3,'2026-11-24T13:27:12.060Z','Transitioning','the server of bands:2 is starting');
INSERT INTO "endpoint_events" VALUES('bands',3,'2026-11-24T13:27:12.419Z','Transitioning','bands:2 answers, and takes over');
INSERT INTO "endpoint_events" VALUES('bands',3,'2026-11-24T13:27:12.420Z','Healthy','bands:2 answers');
INSERT INTO "endpoint_events" VALUES('bands',4,'2026-11-24T13:27:12.427Z','Transitioning','asked for');
INSERT INTO "endpoint_events" VALUES('bands',4,'2026-11-24T13:27:12.435Z','Transitioning','the server of bands:3 is starting');
INSERT INTO "endpoint_events" VALUES('bands',4,'2026-11-24T13:27:12.727Z','Failed','ResourceNotReady: the server process 11757 ended with exit code 3: the bundle FOLDER/broken was changed or damaged:
  model.onnx: 1,426 bytes instead of 1,425; the end of its log:
2026-11-24T13:27:12+0000 INFO server process 11757 of bands:3 starts
error: the bundle FOLDER/broken was changed or damaged:
  model.onnx: 1,426 bytes instead of 1,425
accepted: the files whose hashes are in manifest.json
next: fetch or export the bundle again');
INSERT INTO "endpoint_events" VALUES('old_name',1,'2026-11-24T13:27:12.732Z','Transitioning','asked for');
INSERT INTO "endpoint_events" VALUES('old_name',1,'2026-11-24T13:27:12.891Z','Transitioning','the server of bands:1 is starting');
INSERT INTO "endpoint_events" VALUES('old_name',1,'2026-11-24T13:27:13.175Z','Healthy','bands:1 answers');
CREATE TABLE endpoints (name TEXT PRIMARY KEY, generation INTEGER NOT NULL, key_hashes TEXT NOT NULL, supervisor TEXT, created_at TEXT NOT NULL);
INSERT INTO "endpoints" VALUES('bands',4,'["0ad43102ec904d5c88a90adea2f43009ba0ecca25acf7759e54e9d6570a78402", "8f259fd6c03cce187edf6451261c2b14d1c9f8da4b641ea57217cf1915683dac"]','11749@1795526831.180','2026-11-24T13:27:11.528Z');
INSERT INTO "endpoints" VALUES('old_name',1,'[]','11759@1795526832.350','2026-11-24T13:27:12.732Z');
CREATE TABLE format_versions (room TEXT PRIMARY KEY, version INTEGER NOT NULL);
INSERT INTO "format_versions" VALUES('endpoints',1);
CREATE INDEX endpoint_events_by_time ON endpoint_events (endpoint, at);
