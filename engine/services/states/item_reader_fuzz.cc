// A ReaderConfig on the first line and an object's bytes behind it: refused by name, or
// items.
#include "services/states/item_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string_view bytes = text.substr(line + 1);
  if (const auto config = parse_json(text.substr(0, line)); config && config->is_object()) {
    const auto items = services::states::parse_items(bytes, config->get_object());
    KIBAN_CHECK(!items || items->is_array() || items->is_object(), "there are items");
    KIBAN_CHECK(items || items.error().name == "States.ItemReaderFailed", "the error has its name");
  }
  (void)services::states::parse_csv(bytes, text[0]);
  return 0;
}
