// Asks for each path of a server in turn, by java.net.http, which begins in HTTP/1.1 and asks for an upgrade to HTTP/2 (h2c).
//
//     UpgradingClient PORT PATH...     one line for each answer: VERSION STATUS BYTES URL
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public final class UpgradingClient {
  public static void main(String[] arguments) throws Exception {
    HttpClient client = HttpClient.newHttpClient();
    for (int i = 1; i < arguments.length; i++) {
      URI uri = URI.create("http://127.0.0.1:" + arguments[0] + arguments[i]);
      HttpResponse<byte[]> response = client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
      String version = response.version() == HttpClient.Version.HTTP_2 ? "2" : "1.1";
      System.out.println(version + " " + response.statusCode() + " " + response.body().length + " " + uri);
    }
  }
}
