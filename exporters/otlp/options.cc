#include "exporters/otlp/options.h"

#include <algorithm>
#include <charconv>

namespace wirespan::exporters::otlp {
namespace {

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// A value and the variable that it was found under.
struct Found {
  std::string name;
  std::string value;
};

class Variables {
 public:
  Variables(Signal signal, const OptionSource& source) : signal_(signal), source_(source) {}

  // The value of OTEL_EXPORTER_OTLP_<suffix> by precedence: overrides before environment, signal-specific before general.
  std::optional<Found> Get(std::string_view suffix) const {
    for (const auto& names : {source_.overrides, source_.environment}) {
      if (auto found = GetFrom(names, SpecificName(suffix))) return found;
      if (auto found = GetFrom(names, GeneralName(suffix))) return found;
    }
    return std::nullopt;
  }
  // Endpoints are not interchangeable: the general one gets a path appended. The one that wins, in its place.
  void GetEndpoint(std::string& general, std::string& specific) const {
    const auto found = Get("ENDPOINT");
    if (!found) return;
    (found->name == GeneralName("ENDPOINT") ? general : specific) = found->value;
  }

 private:
  using Look = std::function<std::optional<std::string>(std::string_view)>;
  static std::string GeneralName(std::string_view suffix) { return "OTEL_EXPORTER_OTLP_" + std::string(suffix); }
  std::string SpecificName(std::string_view suffix) const {
    return std::string(signal_ == Signal::kTraces ? "OTEL_EXPORTER_OTLP_TRACES_" : "OTEL_EXPORTER_OTLP_METRICS_") +
           std::string(suffix);
  }
  static std::optional<Found> GetFrom(const Look& look, const std::string& name) {
    if (!look) return std::nullopt;
    const auto value = look(name);
    if (!value) return std::nullopt;
    const std::string_view trimmed = Trim(*value);
    if (trimmed.empty()) return std::nullopt;
    return Found{name, std::string(trimmed)};
  }

  Signal signal_;
  const OptionSource& source_;
};

void WarnIgnored(const Found& found, std::string_view expected, std::vector<std::string>& warnings) {
  warnings.push_back(found.name + "=" + found.value.substr(0, 100) + " is ignored: it is not " + std::string(expected));
}

bool IsTokenChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

// "k=v,k2=v2" in the syntax of W3C baggage without properties. Errors never show a value: it may be a credential.
std::optional<Failure> ParseHeaders(const Found& found, OtlpOptions& out) {
  std::string_view rest = found.value;
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view entry = Trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (entry.empty()) continue;
    const auto bad = [&](std::string_view why) {
      return Failure{found.name + ", entry " + std::to_string(number) + ": " + std::string(why)};
    };
    const size_t equals = entry.find('=');
    if (equals == std::string_view::npos) return bad("there is no '='; the form is name=value,name=value");
    const std::string_view name = Trim(entry.substr(0, equals));
    if (name.empty() || !std::all_of(name.begin(), name.end(), IsTokenChar)) return bad("its name is not a header name");
    const auto value = PercentDecode(Trim(entry.substr(equals + 1)));
    if (!value) return bad("a '%' is not followed by two hex digits");
    if (!std::all_of(value->begin(), value->end(), [](char c) { return c >= 0x20 && c < 0x7f; })) {
      return bad("its value has a character that a header cannot carry");
    }
    out.headers.emplace_back(Lower(name), *value);
  }
  return std::nullopt;
}

// Reads the PEM file that `suffix` names into `out`.
std::optional<Failure> ReadPem(const Variables& variables, const OptionSource& source, std::string_view suffix,
                               std::string& out) {
  const auto found = variables.Get(suffix);
  if (!found) return std::nullopt;
  if (!source.read_file) return Failure{found->name + "=" + found->value + ": files cannot be read here"};
  auto content = source.read_file(found->value);
  if (!content) return Failure{found->name + "=" + found->value + ": " + content.error()};
  if (content->find("-----BEGIN ") == std::string::npos)
    return Failure{found->name + "=" + found->value + ": the file is not PEM"};
  out = std::move(*content);
  return std::nullopt;
}

void ReadProtocol(const Variables& variables, OtlpOptions& out, std::vector<std::string>& warnings) {
  const auto found = variables.Get("PROTOCOL");
  if (!found) return;
  const std::string word = Lower(found->value);
  for (const Protocol protocol : {Protocol::kGrpc, Protocol::kHttpProtobuf, Protocol::kHttpJson}) {
    if (word == Name(protocol)) {
      out.protocol = protocol;
      return;
    }
  }
  WarnIgnored(*found, "grpc, http/protobuf or http/json", warnings);
}

void ReadCompression(const Variables& variables, OtlpOptions& out, std::vector<std::string>& warnings) {
  const auto found = variables.Get("COMPRESSION");
  if (!found) return;
  const std::string word = Lower(found->value);
  out.gzip = word == "gzip";
  if (!out.gzip && word != "none") WarnIgnored(*found, "gzip or none", warnings);
}

void ReadTimeout(const Variables& variables, OtlpOptions& out, std::vector<std::string>& warnings) {
  const auto found = variables.Get("TIMEOUT");
  if (!found) return;
  constexpr int64_t kMaxMs = int64_t{24} * 3'600'000;
  int64_t ms = 0;
  const char* end = found->value.data() + found->value.size();
  const auto [stop, error] = std::from_chars(found->value.data(), end, ms);
  if (error != std::errc() || stop != end || ms <= 0 || ms > kMaxMs) {
    WarnIgnored(*found, "a number of milliseconds from 1 to a day", warnings);
    return;
  }
  out.attempt_timeout = Milliseconds(ms);
}

bool ReadInsecure(const Variables& variables, std::vector<std::string>& warnings) {
  const auto found = variables.Get("INSECURE");
  if (!found) return false;
  const std::string word = Lower(found->value);
  if (word != "true" && word != "false") WarnIgnored(*found, "true or false", warnings);
  return word == "true";
}

std::optional<Failure> ReadTls(const Variables& variables, const OptionSource& source, TlsOptions& out) {
  if (auto failure = ReadPem(variables, source, "CERTIFICATE", out.ca_pem)) return failure;
  if (auto failure = ReadPem(variables, source, "CLIENT_CERTIFICATE", out.client_certificate_pem)) return failure;
  if (auto failure = ReadPem(variables, source, "CLIENT_KEY", out.client_key_pem)) return failure;
  if (out.client_certificate_pem.empty() != out.client_key_pem.empty()) {
    return Failure{
        "a client certificate and its key go together; set both OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and "
        "OTEL_EXPORTER_OTLP_CLIENT_KEY"};
  }
  return std::nullopt;
}

}  // namespace

ValueOr<OtlpOptions> OtlpOptionsFromEnvironment(Signal signal, const OptionSource& source, std::vector<std::string>& warnings) {
  const Variables variables(signal, source);
  OtlpOptions out;
  out.signal = signal;
  ReadProtocol(variables, out, warnings);
  ReadCompression(variables, out, warnings);
  ReadTimeout(variables, out, warnings);
  if (const auto headers = variables.Get("HEADERS")) {
    if (auto failure = ParseHeaders(*headers, out)) return *failure;
  }
  if (auto failure = ReadTls(variables, source, out.tls)) return *failure;
  std::string general;
  std::string specific;
  variables.GetEndpoint(general, specific);
  EndpointInputs inputs{signal, out.protocol, general, specific, ReadInsecure(variables, warnings)};
  auto endpoint = ResolveEndpoint(inputs);
  if (!endpoint) return Failure{endpoint.error()};
  out.endpoint = *endpoint;
  return out;
}

bool IsOtlpConfigured(Signal signal, const OptionSource& source) { return Variables(signal, source).Get("ENDPOINT").has_value(); }

}  // namespace wirespan::exporters::otlp
