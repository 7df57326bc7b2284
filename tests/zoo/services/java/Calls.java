import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** The ways in which a Java service of the zoo calls its backend, twice for every request. */
final class Calls {
  private final String backend;
  private final String mode;
  private final ExecutorService pool = Executors.newFixedThreadPool(32);
  private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  Calls(String port, String mode) {
    backend = "http://127.0.0.1:" + port + "/b";
    this.mode = mode;
    System.setProperty("http.maxConnections", "200");
  }

  /** Blocks until both calls are done. */
  void make(String truth) throws Exception {
    switch (mode) {
      case "huc" -> { blocking(truth, 0); blocking(truth, 1); }
      case "pool" -> {
        pool.submit(() -> blocking(truth, 0)).get();
        pool.submit(() -> blocking(truth, 1)).get();
      }
      case "cf" -> CompletableFuture.supplyAsync(() -> blocking(truth, 0), pool).thenApplyAsync(x -> blocking(truth, 1), pool).get();
      case "send" -> {
        client.send(request(truth, 0), HttpResponse.BodyHandlers.discarding());
        client.send(request(truth, 1), HttpResponse.BodyHandlers.discarding());
      }
      case "async" -> CompletableFuture.allOf(
          client.sendAsync(request(truth, 0), HttpResponse.BodyHandlers.discarding()),
          client.sendAsync(request(truth, 1), HttpResponse.BodyHandlers.discarding())).get();
      default -> throw new IllegalArgumentException(mode);
    }
  }

  private HttpRequest request(String truth, int number) {
    return HttpRequest.newBuilder(URI.create(backend)).header("X-Gt", truth + "/" + number).build();
  }

  private Void blocking(String truth, int number) {
    try {
      var connection = (HttpURLConnection) URI.create(backend).toURL().openConnection();
      connection.setRequestProperty("X-Gt", truth + "/" + number);
      try (InputStream body = connection.getInputStream()) {
        body.readAllBytes();
      }
      return null;
    } catch (java.io.IOException error) {
      throw new java.io.UncheckedIOException(error);
    }
  }
}
