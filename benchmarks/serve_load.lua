-- wrk's script: sends the requests of a file one after the other, each thread on its own connection, and checks every
-- answer. A record of the file is `LABELS LENGTH`, a line, and then LENGTH bytes of body. With CONFIDENCES=FILE, which
-- has a line with the probability of its label for each record, a thread may have several connections: then an answer
-- has to be that of one of the requests that have none yet, by its label and its probability.
--   REQUESTS=FILE URL_PATH=/score CONTENT_TYPE=… HEADERS="name: value" LABEL='"label":%s*"(.-)"' wrk -s serve_load.lua -tN -cN URL
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init()
  local headers = { ["Content-Type"] = os.getenv("CONTENT_TYPE") }
  for name, value in (os.getenv("HEADERS") or ""):gmatch("([^\n:]+):%s*([^\n]+)") do headers[name] = value end
  requests, expected, pattern = {}, {}, os.getenv("LABEL")
  local file = io.open(os.getenv("REQUESTS"), "rb")
  for head in function() return file:read("*l") end do
    local labels, length, inference = head:match("(%S+) (%d+) ?(%d*)")
    if inference ~= "" then headers["Inference-Header-Content-Length"] = inference end
    local body = file:read(tonumber(length))
    table.insert(expected, labels)
    table.insert(requests, wrk.format("POST", os.getenv("URL_PATH"), headers, body))
  end
  file:close()
  if os.getenv("CONFIDENCES") then
    confidences, unanswered = {}, {}
    for line in io.lines(os.getenv("CONFIDENCES")) do table.insert(confidences, tonumber(line)) end
  end
  -- Threads begin at different images.
  place, wrong, answered = (number * 31) % #requests, 0, 0
end

function request()
  place = place % #requests + 1
  if unanswered then unanswered[place] = true end
  return requests[place]
end

-- The request whose answer this is: of those without one the nearest with its label.
local function asked(body)
  local label, confidence = body:match('"label":"(.-)","probability":([%d%.e-]+)')
  local nearest, distance = nil, 1e-4
  for number in pairs(unanswered) do
    local off = math.abs(tonumber(confidence) - confidences[number])
    if label == expected[number] and off < distance then nearest, distance = number, off end
  end
  return nearest
end

function response(status, headers, body)
  answered = answered + 1
  if pattern == "" then return end
  local is_right
  if unanswered then
    local number = status == 200 and asked(body)
    if number then unanswered[number] = nil end
    is_right = number
  else
    local labels = {}
    for label in body:gmatch(pattern) do table.insert(labels, label) end
    is_right = status == 200 and table.concat(labels, ",") == expected[place]
  end
  if not is_right then
    wrong = wrong + 1
    if wrong == 1 then io.stderr:write(status, " ", body:sub(1, 300), "\n") end
  end
end

function done(summary, latency, _)
  local wrongs, answers = 0, 0
  for _, thread in ipairs(threads) do
    wrongs, answers = wrongs + thread:get("wrong"), answers + thread:get("answered")
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format('{"requests": %d, "answered": %d, "wrong": %d, "errors": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}',
    summary.requests, answers, wrongs, errors, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
