// Values that earlier requests and replies held, by service and name of the member, for later
// requests to refer to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/random.h"

namespace kiban::simulate {

// The noun of an operation's name: TaskDefinition of "DescribeTaskDefinition".
std::string noun_of(std::string_view operation);

class Pools {
 public:
  // All texts in `tree`, which an operation about `noun` took or gave.
  void learn(std::string_view service, std::string_view noun, const json::value& tree);
  // Something that a member of that name may hold; nullopt: nothing known fits.
  std::optional<std::string> draw(Random& random, std::string_view service, std::string_view noun,
                                  std::string_view member) const;
  // By the pool's own name: "sns.topicarn".
  std::optional<std::string> draw(Random& random, const std::string& pool) const;
  void forget(std::string_view service, const std::string& value);

 private:
  void add(const std::string& pool, std::string value);
  void learn_member(std::string_view service, std::string_view noun, std::string_view member,
                    const json::value& value);

  std::map<std::string, std::vector<std::string>> pools_{};
};

}  // namespace kiban::simulate
