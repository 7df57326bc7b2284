// A gRPC server, and a client that logs what each of its calls came to: grpc-java over Netty, without generated code. Usage,
// behaviours and log as in ../peer.py.
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.HandlerRegistry;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

public final class Peer {
  private static final int MESSAGES = 5;
  private static final int DEADLINE_MS = 300;
  private static final byte[] BODY = body();
  private static final String[] BEHAVIOURS = {"Unary", "NotFound", "Internal", "Download", "Upload", "Chat", "Late", "Endless", "Slow",
                                              "Missing"};

  private static byte[] body() {
    byte[] bytes = new byte[1000];
    Arrays.fill(bytes, (byte) 'm');
    return bytes;
  }

  private static final MethodDescriptor.Marshaller<byte[]> RAW = new MethodDescriptor.Marshaller<>() {
    @Override
    public InputStream stream(byte[] value) {
      return new ByteArrayInputStream(value);
    }
    @Override
    public byte[] parse(InputStream stream) {
      try {
        return stream.readAllBytes();
      } catch (IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  };

  private static String behaviourOf(String method) {
    String name = method.substring(method.lastIndexOf('/') + 1);
    return name.contains("-") ? name.substring(0, name.indexOf('-')) : name;
  }

  private static MethodDescriptor<byte[], byte[]> describe(String method) {
    MethodType type = switch (behaviourOf(method)) {
      case "Download", "Late", "Endless" -> MethodType.SERVER_STREAMING;
      case "Upload" -> MethodType.CLIENT_STREAMING;
      case "Chat" -> MethodType.BIDI_STREAMING;
      default -> MethodType.UNARY;
    };
    return MethodDescriptor.newBuilder(RAW, RAW).setType(type).setFullMethodName(method).build();
  }

  private static final class Served extends ServerCall.Listener<byte[]> {
    private final ServerCall<byte[], byte[]> call;
    private final String behaviour;
    private int received = 0;
    private boolean hasHeaders = false;

    Served(ServerCall<byte[], byte[]> call) {
      this.call = call;
      behaviour = behaviourOf(call.getMethodDescriptor().getFullMethodName());
      call.request(MESSAGES + 1);
    }
    private void send(byte[] message) {
      if (!hasHeaders) call.sendHeaders(new Metadata());
      hasHeaders = true;
      call.sendMessage(message);
    }
    private void end(Status status) {
      call.close(status, new Metadata());
    }
    @Override
    public void onMessage(byte[] message) {
      if (behaviour.equals("Chat")) {
        send(message);
      } else {
        received += message.length;
      }
    }
    @Override
    public void onHalfClose() {
      switch (behaviour) {
        case "Unary" -> answer(BODY);
        case "NotFound" -> end(Status.NOT_FOUND.withDescription("as asked"));
        case "Internal" -> end(Status.INTERNAL.withDescription("as asked"));
        case "Upload" -> answer(Integer.toString(received).getBytes(StandardCharsets.US_ASCII));
        case "Chat" -> end(Status.OK);
        case "Download" -> {
          for (int i = 0; i < MESSAGES; i++) send(BODY);
          end(Status.OK);
        }
        case "Late" -> {
          send(BODY);
          end(Status.ABORTED.withDescription("after a message"));
        }
        case "Endless" -> send(BODY);
        default -> { }  // Slow: nothing, until the client goes
      }
    }
    private void answer(byte[] message) {
      send(message);
      end(Status.OK);
    }
  }

  private static void serve() throws Exception {
    HandlerRegistry registry = new HandlerRegistry() {
      @Override
      public ServerMethodDefinition<?, ?> lookupMethod(String method, String authority) {
        if (behaviourOf(method).equals("Missing")) return null;
        return ServerMethodDefinition.create(describe(method), (call, headers) -> new Served(call));
      }
    };
    Server server = NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", 0)).fallbackHandlerRegistry(registry).build();
    server.start();
    System.out.println("listening " + server.getPort());
    System.in.readAllBytes();
    server.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
  }

  private static Status call(ManagedChannel channel, String behaviour, String method) {
    CallOptions options = CallOptions.DEFAULT;
    if (behaviour.equals("Slow")) options = options.withDeadlineAfter(DEADLINE_MS, TimeUnit.MILLISECONDS);
    ClientCall<byte[], byte[]> call = channel.newCall(describe(method), options);
    CompletableFuture<Status> done = new CompletableFuture<>();
    call.start(new ClientCall.Listener<>() {
      @Override
      public void onMessage(byte[] message) {
        if (behaviour.equals("Endless")) call.cancel("as asked", null);
      }
      @Override
      public void onClose(Status status, Metadata trailers) {
        done.complete(status);
      }
    }, new Metadata());
    call.request(MESSAGES + 1);
    int count = behaviour.equals("Upload") || behaviour.equals("Chat") ? MESSAGES : 1;
    for (int i = 0; i < count; i++) call.sendMessage(BODY);
    call.halfClose();
    return done.join();
  }

  // A deadline is not to pass before the call is sent.
  private static void awaitReady(ManagedChannel channel) {
    for (ConnectivityState state = channel.getState(true); state != ConnectivityState.READY; state = channel.getState(true)) {
      CompletableFuture<Void> changed = new CompletableFuture<>();
      channel.notifyWhenStateChanged(state, () -> changed.complete(null));
      changed.join();
    }
  }

  private static void runClient(String port, String logPath, int rounds, int concurrency, boolean isEarly) throws Exception {
    ManagedChannel channel = ManagedChannelBuilder.forAddress("127.0.0.1", Integer.parseInt(port)).usePlaintext().build();
    if (isEarly) call(channel, "Unary", "lab.Echo/Unary-" + rounds * BEHAVIOURS.length);
    System.out.println("ready");
    System.in.read();
    awaitReady(channel);
    AtomicInteger next = new AtomicInteger();
    try (PrintWriter log = new PrintWriter(logPath, StandardCharsets.US_ASCII)) {
      Thread[] workers = new Thread[concurrency];
      for (int i = 0; i < concurrency; i++) {
        workers[i] = new Thread(() -> {
          for (int number = next.getAndIncrement(); number < rounds * BEHAVIOURS.length; number = next.getAndIncrement()) {
            String behaviour = BEHAVIOURS[number % BEHAVIOURS.length];
            String method = "lab.Echo/" + behaviour + "-" + number;
            Status status = call(channel, behaviour, method);
            synchronized (log) {
              log.println("{\"method\": \"" + method + "\", \"status\": \"" + status.getCode() + "\"}");
            }
          }
        });
        workers[i].start();
      }
      for (Thread worker : workers) worker.join();
    }
    channel.shutdown().awaitTermination(10, TimeUnit.SECONDS);
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments[0].equals("server")) {
      serve();
    } else {
      runClient(arguments[1], arguments[2], Integer.parseInt(arguments[3]), Integer.parseInt(arguments[4]),
                arguments.length > 5);
    }
  }
}
