// A filter pattern on the first line, a message behind it.
#include "logfilter/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto line = text.find('\n');
  const std::string_view rest = line == text.npos ? text : text.substr(line + 1);
  const auto pattern = logfilter::parse(text.substr(0, line));
  if (!pattern) {
    KIBAN_CHECK(pattern.error().name == "InvalidParameterException", "the error has its name");
    return 0;
  }
  const logfilter::Message message(rest);
  if (!(*pattern)->matches(message)) return 0;
  for (const auto& [name, value] : (*pattern)->fields(message))
    KIBAN_CHECK((*pattern)->field(message, name) == value, "a shown field can be read");
  return 0;
}
