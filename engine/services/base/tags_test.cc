#include "services/base/tags.h"

#include <gtest/gtest.h>

#include <string>

namespace kiban::services {
namespace {

TEST(Tags, OfAwsDoNotCount) {
  for (const char* member : {"Key", "key", "TagKey"}) {
    json::array list;
    json::object map;
    for (std::size_t i = 0; i < tags_max; ++i) {
      list.push_back(json::object{{member, "k" + std::to_string(i)}});
      map["k" + std::to_string(i)] = "v";
    }
    for (const char* key : {"aws:cloudformation:stack-name", "aws:cloudformation:stack-id"}) {
      list.push_back(json::object{{member, key}});
      map[key] = "v";
    }
    EXPECT_FALSE(too_many_tags(list)) << member;
    EXPECT_FALSE(too_many_tags(map));
    list.push_back(json::object{{member, "one more"}});
    map["one more"] = "v";
    EXPECT_TRUE(too_many_tags(list)) << member;
    EXPECT_TRUE(too_many_tags(map));
  }
}

}  // namespace
}  // namespace kiban::services
