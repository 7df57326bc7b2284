#include "exporters/otlp/gzip.h"

#include <isa-l/igzip_lib.h>

#include <cstdint>
#include <limits>

namespace wirespan::exporters::otlp {

GzipEncoder::GzipEncoder() : level_buffer_(ISAL_DEF_LVL1_DEFAULT) {}

bool GzipEncoder::Encode(std::string_view bytes, std::string& out) {
  // Stored blocks are the worst case: 5 bytes for each 65,535, and the gzip header and trailer.
  constexpr size_t kFrame = 64;
  const size_t bound = bytes.size() + (bytes.size() / 65'535 + 1) * 5 + kFrame;
  if (bound > std::numeric_limits<uint32_t>::max()) return false;
  out.resize(bound);
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.gzip_flag = IGZIP_GZIP;
  stream.level = 1;
  stream.level_buf = level_buffer_.data();
  stream.level_buf_size = static_cast<uint32_t>(level_buffer_.size());
  stream.end_of_stream = 1;
  stream.flush = NO_FLUSH;
  // ISA-L only reads next_in; its interface is not const-correct.
  stream.next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uint32_t>(bytes.size());
  stream.next_out = reinterpret_cast<uint8_t*>(out.data());
  stream.avail_out = static_cast<uint32_t>(out.size());
  if (isal_deflate_stateless(&stream) != COMP_OK || stream.avail_in != 0) return false;
  out.resize(stream.total_out);
  return true;
}

}  // namespace wirespan::exporters::otlp
