#include "services/states/parsed_rows.h"

namespace kiban::services::states {
namespace {

constexpr std::size_t bytes_max = 8UL << 20U;  // More is forgotten as a whole.

}  // namespace

std::shared_ptr<const json::object> ParsedRows::get(const Context& context,
                                                    const std::string& key) {
  std::optional<std::string> text = context.get(key);
  if (!text) return nullptr;
  if (const auto found = rows_.find(key); found != rows_.end() && found->second.text == *text)
    return found->second.object;
  auto object = std::make_shared<const json::object>(object_of(key, *text));
  if (bytes_ + text->size() > bytes_max) {
    rows_.clear();
    bytes_ = 0;
  }
  Parsed& parsed = rows_[key];
  bytes_ += text->size() - parsed.text.size();
  parsed = {.text = *std::move(text), .object = object};
  return object;
}

}  // namespace kiban::services::states
