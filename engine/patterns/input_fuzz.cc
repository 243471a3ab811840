// Any template and path is refused, or its result is JSON (except for a template that is a string).
#include <cstdlib>

#include "patterns/input.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  static const json::value event =
      parse_json(R"({"id": "1", "detail": {"s": "a\"b", "n": 1, "list": ["x", {"y": null}]}})")
          .value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto split = text.find('\n');  // A path, and a template behind a line break.
  const std::string path(text.substr(0, split));
  std::string rest(split == std::string_view::npos ? "" : text.substr(split + 1));
  const bool is_json = rest.find_first_not_of(" \t\r\n") != std::string::npos &&
                       rest[rest.find_first_not_of(" \t\r\n")] != '"';
  const auto transformer = patterns::InputTransformer::parse({{"v", path}}, std::move(rest), "t");
  if (!transformer) return 0;
  const auto made = transformer->apply(event, {});
  if (made && is_json && !parse_json(*made)) std::abort();
  return 0;
}
