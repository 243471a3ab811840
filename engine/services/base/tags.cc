#include "services/base/tags.h"

#include <algorithm>

namespace kiban::services {
namespace {

bool counts(std::string_view key) { return !key.starts_with("aws:"); }

bool counts_in_list(const json::value& tag) {
  for (const std::string_view member : {"Key", "key", "TagKey"}) {
    if (const json::value* key = tag.is_object() ? tag.get_object().if_contains(member) : nullptr)
      return !key->is_string() || counts(key->get_string());
  }
  return true;
}

}  // namespace

bool too_many_tags(const json::object& tags) {
  return std::ranges::count_if(tags, [](const auto& tag) { return counts(tag.key()); }) >
         static_cast<std::ptrdiff_t>(tags_max);
}

bool too_many_tags(const json::array& tags) {
  return std::ranges::count_if(tags, counts_in_list) > static_cast<std::ptrdiff_t>(tags_max);
}

}  // namespace kiban::services
