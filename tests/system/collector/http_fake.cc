#include "tests/system/collector/http_fake.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

namespace wirespan::testing_servers {
namespace {

// More bytes into `buffer`; false: the peer closed, or the fake is ending.
bool ReadMore(int fd, std::string& buffer, const std::atomic<bool>& ending) {
  for (;;) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, 20);
    if (ending) return false;
    if (ready <= 0) continue;
    std::array<char, 65'536> chunk{};
    const ssize_t count = ::recv(fd, chunk.data(), chunk.size(), 0);
    if (count <= 0) return false;
    buffer.append(chunk.data(), static_cast<size_t>(count));
    return true;
  }
}

void SendAll(int fd, const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t count = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return;  // the client may well hang up on an answer it does not want
    done += static_cast<size_t>(count);
  }
}

}  // namespace

HttpFake::HttpFake(std::deque<HttpAnswer> answers) : answers_(std::move(answers)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

HttpFake::~HttpFake() {
  ending_ = true;
  thread_.join();
  ::close(listener_);
}

void HttpFake::Run() {
  while (!ending_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    std::string buffer;
    while (ServeOne(fd, buffer)) {
    }
    ::close(fd);
  }
}

bool HttpFake::ServeOne(int fd, std::string& buffer) {
  size_t head_end = 0;
  while ((head_end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore(fd, buffer, ending_)) return false;
  }
  HttpRequest request;
  std::istringstream head(buffer.substr(0, head_end));
  std::getline(head, request.line);
  if (!request.line.empty() && request.line.back() == '\r') request.line.pop_back();
  for (std::string line; std::getline(head, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const size_t colon = line.find(':');
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const size_t value = line.find_first_not_of(' ', colon + 1);
    request.headers[name] = value == std::string::npos ? "" : line.substr(value);
  }
  const size_t length = std::stoul("0" + request.headers["content-length"]);
  while (buffer.size() < head_end + 4 + length) {
    if (!ReadMore(fd, buffer, ending_)) return false;
  }
  request.body = buffer.substr(head_end + 4, length);
  buffer.erase(0, head_end + 4 + length);
  request.time = std::chrono::steady_clock::now();
  HttpAnswer answer;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
    changed_.notify_all();
    if (!answers_.empty()) {
      answer = std::move(answers_.front());
      answers_.pop_front();
    }
  }
  if (answer.kind == HttpAnswer::Kind::kClose) return false;
  if (answer.kind == HttpAnswer::Kind::kSilence) {
    while (ReadMore(fd, buffer, ending_)) {
    }
    return false;
  }
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " Told\r\n";
  for (const auto& header : answer.headers) out += header + "\r\n";
  out += "content-length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
  SendAll(fd, out);
  return true;
}

std::vector<HttpRequest> HttpFake::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpFake::WaitForRequests(size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return requests_.size() >= count; });
}

}  // namespace wirespan::testing_servers
