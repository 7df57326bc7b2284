-- wrk script of the demo: a different item with every request.
local item = 0
request = function()
  item = item + 1
  return wrk.format("GET", "/cart/" .. item)
end
