import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** com.sun.net.httpserver: Service BACKEND_PORT MODE threads|virtual. A handler's thread carries its request from reading to answer. */
public final class Service {
  public static void main(String[] arguments) throws Exception {
    var calls = new Calls(arguments[0], arguments[1]);
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 1024);
    server.setExecutor(arguments[2].equals("virtual") ? virtualThreads() : Executors.newFixedThreadPool(128));
    server.createContext("/", exchange -> {
      try {
        calls.make(exchange.getRequestHeaders().getFirst("X-Gt"));
        exchange.sendResponseHeaders(200, 3);
      } catch (Exception error) {
        exchange.sendResponseHeaders(500, 3);
      }
      exchange.getResponseBody().write("ok\n".getBytes());
      exchange.close();
    });
    server.start();
    System.out.println("listening " + server.getAddress().getPort());
  }

  /** By reflection: the class is compiled by whichever JDK is there, and run by the one that has them (21 and later). */
  private static ExecutorService virtualThreads() throws Exception {
    return (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
  }
}
