// An ordinary Java service on com.sun.net.httpserver with an exact log. Server LOG: prints `listening PORT`.
// Log: peer port, method, target, user agent, body bytes, status.
import com.sun.net.httpserver.HttpServer;
import java.io.FileWriter;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

public class Server {
    public static void main(String[] arguments) throws Exception {
        PrintWriter log = new PrintWriter(new FileWriter(arguments[0]), true);
        InetSocketAddress address = new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0);
        HttpServer server = HttpServer.create(address, 128);
        server.createContext("/", exchange -> {
            int body = exchange.getRequestBody().readAllBytes().length;
            String target = exchange.getRequestURI().toString();
            String[] parts = target.split("/");
            int status = parts.length > 2 && parts[1].equals("s") ? Integer.parseInt(parts[2]) : 404;
            byte[] text = (target + "\n").getBytes(StandardCharsets.UTF_8);
            boolean empty = status == 204 || status == 304;
            synchronized (log) {
                log.println(exchange.getRemoteAddress().getPort() + "\t" + exchange.getRequestMethod() + "\t" + target + "\t"
                    + exchange.getRequestHeaders().getFirst("User-Agent") + "\t" + body + "\t" + status);
            }
            exchange.sendResponseHeaders(status, empty ? -1 : text.length);
            if (!empty) {
                exchange.getResponseBody().write(text);
            }
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.start();
        System.out.println("listening " + server.getAddress().getPort());
    }
}
