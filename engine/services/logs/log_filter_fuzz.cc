// A filter pattern on the first line, a message behind it.
#include "services/logs/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto line = text.find('\n');
  const std::string_view message = line == text.npos ? text : text.substr(line + 1);
  const auto filter = services::logs::parse_filter(text.substr(0, line));
  if (filter) {
    (void)services::logs::matches(*filter, message);
  } else {
    KIBAN_CHECK(filter.error().name == "InvalidParameterException", "the error has its name");
  }
  return 0;
}
