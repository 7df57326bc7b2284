import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.file.Files;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/** Embedded Tomcat (NIO connector, a thread per request): TomcatService BACKEND_PORT MODE. */
public final class TomcatService {
  public static void main(String[] arguments) throws Exception {
    var calls = new Calls(arguments[0], arguments[1]);
    var tomcat = new Tomcat();
    tomcat.setBaseDir(Files.createTempDirectory("zoo-tomcat").toString());
    var connector = new Connector();
    connector.setPort(0);
    connector.setProperty("address", "127.0.0.1");
    connector.setProperty("maxThreads", "128");
    connector.setProperty("acceptCount", "1024");
    connector.setProperty("maxKeepAliveRequests", "-1");
    tomcat.setConnector(connector);
    var context = tomcat.addContext("", null);
    Tomcat.addServlet(context, "run", new HttpServlet() {
      @Override
      protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
        try {
          calls.make(request.getHeader("X-Gt"));
        } catch (Exception error) {
          response.setStatus(500);
        }
        response.setContentLength(3);
        response.getOutputStream().write("ok\n".getBytes());
      }
    });
    context.addServletMappingDecoded("/", "run");
    tomcat.start();
    System.out.println("listening " + connector.getLocalPort());
    tomcat.getServer().await();
  }
}
