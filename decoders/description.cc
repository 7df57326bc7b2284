#include "decoders/description.h"

namespace wirespan::decoders {

std::string_view Name(ExchangeEnd end) {
  switch (end) {
    case ExchangeEnd::kComplete:
      return "complete";
    case ExchangeEnd::kNoResponse:
      return "no_response";
    case ExchangeEnd::kConnectionReset:
      return "connection_reset";
    case ExchangeEnd::kRequestNotSeen:
      return "request_not_seen";
    case ExchangeEnd::kResponseNotSeen:
      return "response_not_seen";
    case ExchangeEnd::kResponseCut:
      return "response_cut";
    case ExchangeEnd::kProcessExited:
      return "process_exited";
    case ExchangeEnd::kAgentStopped:
      return "agent_stopped";
    case ExchangeEnd::kStillOpen:
      return "open";
    case ExchangeEnd::kNotProcessed:
      return "not_processed";
  }
  return "";
}

}  // namespace wirespan::decoders
