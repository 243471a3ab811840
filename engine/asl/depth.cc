#include "asl/depth.h"

#include <algorithm>

namespace kiban::asl {

bool deeper_than(const json::value& tree, std::size_t depth_max) {
  if (!tree.is_structured()) return false;
  if (depth_max == 0) return true;
  if (const json::array* array = tree.if_array())
    return std::ranges::any_of(
        *array, [&](const json::value& each) { return deeper_than(each, depth_max - 1); });
  return std::ranges::any_of(tree.get_object(), [&](const auto& member) {
    return deeper_than(member.value(), depth_max - 1);
  });
}

bool deeper_than(std::string_view text, std::size_t depth_max) {
  if (text.size() <= depth_max) return false;
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      if (c == '\\') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > depth_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace kiban::asl
