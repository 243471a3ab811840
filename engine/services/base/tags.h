// AWS's quota of tags on one resource. Tags that AWS itself sets, with keys that begin with "aws:",
// do not count: https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html ("Tag naming
// limits and requirements").
#pragma once

#include "core/json.h"

namespace kiban::services {

constexpr std::size_t tags_max = 50;

// Of tags by key, or of objects with the member Key, key or TagKey.
bool too_many_tags(const json::object& tags);
bool too_many_tags(const json::array& tags);

}  // namespace kiban::services
