// A web server that serves the socket that it is given as descriptor 3.
const http = require('http')

const weight = Buffer.alloc(32 << 20, 'x') // what such a server has in memory
let served = 0
const server = http.createServer((request, response) => {
  served++
  response.setHeader('Connection', 'close')
  response.end(`${server.address().port} ${served} ${process.pid}\n`)
})
server.listen({ fd: 3 })
process.on('SIGTERM', () => server.close(() => process.exit(weight.length ? 0 : 1)))
