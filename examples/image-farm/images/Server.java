// A web server that serves the socket that inetd (wait) gives it: descriptor 0.

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

public class Server {
    public static void main(String[] args) throws Exception {
        ServerSocketChannel listener = (ServerSocketChannel) System.inheritedChannel();
        int port = ((InetSocketAddress) listener.getLocalAddress()).getPort();
        int served = 0;
        for (;;) {
            try (SocketChannel client = listener.accept()) {
                if (!readRequest(client)) {
                    continue;
                }
                served++;
                String text = port + " " + served + " " + ProcessHandle.current().pid() + "\n";
                String answer = "HTTP/1.0 200 OK\r\nContent-Length: " + text.length() + "\r\nConnection: close\r\n\r\n" + text;
                ByteBuffer out = ByteBuffer.wrap(answer.getBytes(StandardCharsets.US_ASCII));
                while (out.hasRemaining()) {
                    client.write(out);
                }
            } catch (java.io.IOException e) {
                System.err.println("a request failed: " + e);
            }
        }
    }

    // readRequest reads up to the empty line; false where there is none.
    private static boolean readRequest(SocketChannel client) throws java.io.IOException {
        ByteBuffer in = ByteBuffer.allocate(8192);
        while (in.hasRemaining() && client.read(in) >= 0) {
            if (new String(in.array(), 0, in.position(), StandardCharsets.US_ASCII).contains("\r\n\r\n")) {
                return true;
            }
        }
        return false;
    }
}
