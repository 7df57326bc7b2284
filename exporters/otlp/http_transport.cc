// OTLP/HTTP by libcurl: one kept-alive connection, driven through a multi handle so that another thread can end a wait at once.
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <mutex>

#include "exporters/joined.h"
#include "exporters/otlp/response.h"
#include "exporters/otlp/transport.h"

namespace wirespan::exporters::otlp {
namespace {

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct MultiDeleter {
  void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, ListDeleter>;

// libcurl's own set-up is once per process and not thread-safe before 7.84.
CURLcode InitializeCurlOnce() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  return result;
}

bool Append(HeaderList& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) return false;
  (void)list.release();
  list.reset(longer);
  return true;
}

// No answer came, or not a whole one: the same request may be sent again. Everything else is a matter of configuration.
bool IsRetryableCurlError(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SSL_CONNECT_ERROR:
      return true;
    default:
      return false;
  }
}

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(const OtlpOptions& options) : options_(options) {}

  // Fills in the handles; "" or what is wrong.
  std::string Prepare() {
    if (InitializeCurlOnce() != CURLE_OK) return "libcurl cannot be initialised";
    easy_.reset(curl_easy_init());
    multi_.reset(curl_multi_init());
    if (!easy_ || !multi_) return "libcurl gave no handle";
    const bool json = options_.protocol == Protocol::kHttpJson;
    if (!AddHeaders(plain_headers_, json, false) || !AddHeaders(gzip_headers_, json, true)) return "out of memory";
    const std::string user_agent = UserAgent(options_);
    bool ok = Set(CURLOPT_URL, options_.endpoint.target.c_str());
    ok = ok && Set(CURLOPT_USERAGENT, user_agent.c_str()) && Set(CURLOPT_POST, 1L) && Set(CURLOPT_NOSIGNAL, 1L);
    ok = ok && Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1)) && Set(CURLOPT_FOLLOWLOCATION, 0L);
    ok = ok && Set(CURLOPT_PROTOCOLS_STR, "http,https") && Set(CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
    ok = ok && Set(CURLOPT_ACCEPT_ENCODING, "gzip") && Set(CURLOPT_TCP_NODELAY, 1L);
    ok = ok && Set(CURLOPT_WRITEFUNCTION, &HttpTransport::OnBody) && Set(CURLOPT_WRITEDATA, this);
    ok = ok && Set(CURLOPT_HEADERFUNCTION, &HttpTransport::OnHeader) && Set(CURLOPT_HEADERDATA, this);
    ok = ok && Set(CURLOPT_ERRORBUFFER, error_.data());
    if (!ok) return "this libcurl lacks an option that OTLP needs";
    return PrepareTls();
  }

  Attempt Send(std::string_view body, bool is_gzip) override {
    body_.clear();
    retry_after_.clear();
    too_large_ = false;
    error_[0] = '\0';
    Set(CURLOPT_HTTPHEADER, is_gzip ? gzip_headers_.get() : plain_headers_.get());
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    Set(CURLOPT_POSTFIELDS, body.data());
    const auto timeout = std::max<int64_t>(1, options_.attempt_timeout.count());
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(timeout));
    if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) return Failed("libcurl takes no request");
    const CURLcode code = Drive();
    curl_multi_remove_handle(multi_.get(), easy_.get());
    return code == CURLE_ABORTED_BY_CALLBACK ? Interrupted() : Judge(code);
  }

  void Interrupt(Clock::time_point deadline) override {
    stop_.Set(deadline);
    curl_multi_wakeup(multi_.get());  // one of the two multi functions that any thread may call
  }

  bool compresses() const override { return false; }

 private:
  template <typename T>
  bool Set(CURLoption option, T value) {
    return curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
  }

  bool AddHeaders(HeaderList& list, bool json, bool gzip) const {
    bool ok = Append(list, json ? "Content-Type: application/json" : "Content-Type: application/x-protobuf");
    ok = ok && Append(list, "Expect:");  // no round trip before the body
    if (gzip) ok = ok && Append(list, "Content-Encoding: gzip");
    for (const auto& [name, value] : options_.headers) {
      ok = ok && Append(list, value.empty() ? Joined({name, ";"}) : Joined({name, ": ", value}));  // ';': libcurl's empty value
    }
    return ok;
  }

  bool SetBlob(CURLoption option, const std::string& pem) {
    curl_blob blob{const_cast<char*>(pem.data()), pem.size(), CURL_BLOB_COPY};
    return curl_easy_setopt(easy_.get(), option, &blob) == CURLE_OK;
  }

  std::string PrepareTls() {
    const TlsOptions& tls = options_.tls;
    if (!options_.endpoint.tls) return {};
    bool ok = Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!tls.ca_pem.empty()) ok = ok && SetBlob(CURLOPT_CAINFO_BLOB, tls.ca_pem);
    if (!tls.client_certificate_pem.empty()) {
      ok = ok && SetBlob(CURLOPT_SSLCERT_BLOB, tls.client_certificate_pem) && Set(CURLOPT_SSLCERTTYPE, "PEM");
      ok = ok && SetBlob(CURLOPT_SSLKEY_BLOB, tls.client_key_pem) && Set(CURLOPT_SSLKEYTYPE, "PEM");
    }
    return ok ? std::string() : "this libcurl cannot take certificates from memory";
  }

  // Runs the request to its end; CURLE_ABORTED_BY_CALLBACK where Interrupt's deadline came first.
  CURLcode Drive() {
    for (;;) {
      int running = 0;
      if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return CURLE_FAILED_INIT;
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
      }
      int64_t wait_ms = 1000;  // libcurl shortens it to its own next time-out
      if (stop_.is_set()) {
        const auto remaining = std::chrono::ceil<std::chrono::milliseconds>(stop_.get() - Clock::now()).count();
        if (remaining <= 0) return CURLE_ABORTED_BY_CALLBACK;
        wait_ms = std::min(wait_ms, remaining);
      }
      if (curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(wait_ms), nullptr) != CURLM_OK) return CURLE_FAILED_INIT;
    }
  }

  std::string Where() const { return options_.endpoint.target; }

  Attempt Failed(std::string_view why) const {
    Attempt out;
    out.message = "POST " + Where() + ": " + OneLine(why);
    return out;
  }

  Attempt Interrupted() const {
    Attempt out = Failed("interrupted by the end of the agent");
    out.result = Attempt::Result::kInterrupted;
    return out;
  }

  Attempt Judge(CURLcode code) const {
    if (too_large_) return Failed("the response is larger than 4 MiB");
    if (code != CURLE_OK) {
      Attempt out = Failed(error_[0] != '\0' ? error_.data() : curl_easy_strerror(code));
      if (IsRetryableCurlError(code)) out.result = Attempt::Result::kRetry;
      return out;
    }
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300 ? Delivered() : Refused(status);
  }

  Attempt Delivered() const {
    const bool json = options_.protocol == Protocol::kHttpJson;
    const ExportResponse response = json ? ParseExportResponseJson(body_) : ParseExportResponse(body_);
    Attempt out;
    out.result = Attempt::Result::kDelivered;
    out.rejected = response.rejected;
    out.message = response.message;
    if (!response.valid) out.message = "POST " + Where() + ": the answer is not an OTLP response; is this an OTLP endpoint?";
    return out;
  }

  Attempt Refused(long status) const {
    const RpcStatus said = options_.protocol == Protocol::kHttpJson ? ParseRpcStatusJson(body_) : ParseRpcStatus(body_);
    Attempt out = Failed("HTTP status " + std::to_string(status) + (said.message.empty() ? "" : ": " + said.message));
    if (!IsRetryableHttpStatus(status)) return out;
    out.result = Attempt::Result::kRetry;
    out.server_minimum = ParseRetryAfter(retry_after_, static_cast<int64_t>(std::time(nullptr)));
    return out;
  }

  static size_t OnBody(char* data, size_t size, size_t count, void* self) {
    auto& transport = *static_cast<HttpTransport*>(self);
    const size_t bytes = size * count;
    transport.too_large_ = transport.body_.size() + bytes > kMaxResponseBytes;
    if (transport.too_large_) return 0;  // ends the transfer
    transport.body_.append(data, bytes);
    return bytes;
  }

  static size_t OnHeader(char* data, size_t size, size_t count, void* self) {
    constexpr std::string_view kName = "retry-after:";
    const std::string_view line(data, size * count);
    if (line.size() < kName.size() || line.size() > 128) return line.size();
    const bool is_retry_after = std::equal(kName.begin(), kName.end(), line.begin(), [](char wanted, char c) {
      return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    });
    if (!is_retry_after) return line.size();
    std::string_view value = line.substr(kName.size());
    while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.remove_suffix(1);
    static_cast<HttpTransport*>(self)->retry_after_ = value;
    return line.size();
  }

  const OtlpOptions options_;
  HeaderList plain_headers_;
  HeaderList gzip_headers_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::unique_ptr<CURL, EasyDeleter> easy_;  // goes before the multi handle
  StopDeadline stop_;
  std::string body_;
  std::string retry_after_;
  bool too_large_ = false;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

}  // namespace

std::string UserAgent(const OtlpOptions& options) {
  const std::string version = options.scope.version.empty() ? "0" : options.scope.version;
  return options.user_agent_product + "/" + version + " OTel-OTLP-Exporter-Cpp/" + version;
}

ValueOr<std::unique_ptr<Transport>> NewHttpTransport(const OtlpOptions& options) {
  auto transport = std::make_unique<HttpTransport>(options);
  const std::string problem = transport->Prepare();
  if (!problem.empty()) return Failure{"OTLP over HTTP to " + options.endpoint.target + ": " + problem};
  return std::unique_ptr<Transport>(std::move(transport));
}

}  // namespace wirespan::exporters::otlp
