-- wrk: sixteen requests at once, over each connection.
init = function(args)
  local requests = {}
  for i = 1, 16 do requests[i] = wrk.format("GET", "/short?" .. i) end
  batch = table.concat(requests)
end
request = function() return batch end
