# A Rack service of the zoo (puma): two calls for every request, each over a new connection. ZOO_BACKEND=PORT.
require 'net/http'

port = Integer(ENV.fetch('ZOO_BACKEND'))
run(lambda do |env|
  2.times do |number|
    Net::HTTP.start('127.0.0.1', port) do |http|
      http.request(Net::HTTP::Get.new('/b', 'X-Gt' => "#{env['HTTP_X_GT']}/#{number}"))
    end
  end
  [200, { 'content-length' => '3' }, ["ok\n"]]
end)
