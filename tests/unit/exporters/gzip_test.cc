#include "exporters/otlp/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>

namespace wirespan::exporters::otlp {
namespace {

// zlib's reading of one gzip member; empty optional where it is not one.
std::string Inflate(const std::string& compressed) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  EXPECT_EQ(inflateInit2(&stream, kGzipOnly), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  int status = Z_OK;
  while (status == Z_OK) {
    char buffer[65'536];
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  EXPECT_EQ(status, Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0U);  // nothing behind the member
  inflateEnd(&stream);
  return out;
}

TEST(Gzip, ZlibReadsItBack) {
  std::mt19937_64 random(5);
  GzipEncoder encoder;
  std::string compressed;
  for (const size_t size : {0, 1, 100, 65'535, 65'536, 300'000, 5'000'000}) {
    std::string repetitive;
    while (repetitive.size() < static_cast<size_t>(size))
      repetitive += "http.request.method GET " + std::to_string(random() % 50);
    repetitive.resize(static_cast<size_t>(size));
    ASSERT_TRUE(encoder.Encode(repetitive, compressed));
    EXPECT_EQ(Inflate(compressed), repetitive);
    if (size >= 65'535) {
      EXPECT_LT(compressed.size() * 4, repetitive.size());
    }
    std::string noise(static_cast<size_t>(size), '\0');
    for (char& c : noise) c = static_cast<char>(random());
    ASSERT_TRUE(encoder.Encode(noise, compressed)) << size;  // does not shrink, and must fit all the same
    EXPECT_EQ(Inflate(compressed), noise);
  }
}

}  // namespace
}  // namespace wirespan::exporters::otlp
