#include "simulate/pools.h"

#include <algorithm>
#include <array>

namespace kiban::simulate {
namespace {

constexpr std::size_t pool_size_max = 24;
constexpr std::size_t value_bytes_max = 600;

// Names that mean something else with each kind of thing.
constexpr std::array<std::string_view, 12> generic{
    "name",   "id",  "arn",         "value",      "resourcearn", "resourcename",
    "status", "key", "description", "resourceid", "type",        "version"};

std::string lower(std::string_view text) {
  std::string result;
  for (const char c : text) result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

std::string singular(std::string_view name) {
  if (name.ends_with("ies")) return std::string(name.substr(0, name.size() - 3)) + "y";
  if (name.ends_with('s') && !name.ends_with("ss") && !name.ends_with("us")) name.remove_suffix(1);
  return std::string(name);
}

bool is_generic(std::string_view member) {
  return std::ranges::find(generic, member) != generic.end();
}

std::string pool_of(std::string_view service, std::string_view noun, const std::string& member) {
  const std::string prefix = std::string(service) + ".";
  return is_generic(member) ? prefix + lower(noun) + "." + member : prefix + member;
}

}  // namespace

std::string noun_of(std::string_view operation) {
  std::size_t at = 1;
  while (at < operation.size() && !(operation[at] >= 'A' && operation[at] <= 'Z')) ++at;
  std::string_view noun = operation.substr(at);
  if (const std::size_t by = noun.find("By"); by != std::string_view::npos && by > 0)
    noun = noun.substr(0, by);
  return singular(noun);
}

void Pools::add(const std::string& pool, std::string value) {
  std::vector<std::string>& values = pools_[pool];
  if (std::ranges::find(values, value) != values.end()) return;
  if (values.size() >= pool_size_max) values.erase(values.begin());
  values.push_back(std::move(value));
}

void Pools::learn(std::string_view service, std::string_view noun, const json::value& tree) {
  if (tree.is_object())
    for (const auto& member : tree.get_object())
      learn_member(service, noun, member.key(), member.value());
}

void Pools::learn_member(std::string_view service, std::string_view noun, std::string_view member,
                         const json::value& value) {
  constexpr std::size_t elements_max = 8;
  if (value.is_object()) return learn(service, singular(member), value);
  if (value.is_array()) {
    std::size_t seen = 0;
    for (const json::value& each : value.get_array()) {
      if (++seen > elements_max) break;
      learn_member(service, noun, singular(member), each);
    }
    return;
  }
  if (!value.is_string() || value.get_string().empty() ||
      value.get_string().size() > value_bytes_max)
    return;
  const std::string text = to_string(value.get_string());
  add(pool_of(service, noun, lower(member)), text);
  if (text.starts_with("arn:")) add(std::string(service) + ".#arn", text);
}

std::optional<std::string> Pools::draw(Random& random, const std::string& pool) const {
  const auto found = pools_.find(pool);
  if (found == pools_.end() || found->second.empty()) return std::nullopt;
  const std::vector<std::string>& values = found->second;
  // The newest are the likeliest to exist still.
  const std::size_t reach =
      random.below(2) == 0 ? std::min<std::size_t>(3, values.size()) : values.size();
  return values[values.size() - 1 - random.below(reach)];
}

std::optional<std::string> Pools::draw(Random& random, std::string_view service,
                                       std::string_view noun, std::string_view member) const {
  const std::string name = lower(member);
  const std::string prefix = std::string(service) + ".";
  std::vector<std::string> pools{pool_of(service, noun, name)};
  if (name == "resourcearn" || name == "resourcename" || name == "resourceid" || name == "arn" ||
      name == "resource")
    pools.push_back(prefix + "#arn");
  for (const std::string_view suffix : {"name", "arn", "id"}) {
    pools.push_back(prefix + name + std::string(suffix));
    pools.push_back(prefix + name + "." + std::string(suffix));
    if (!name.ends_with(suffix) || name.size() == suffix.size()) continue;
    const std::string stem = name.substr(0, name.size() - suffix.size());
    pools.push_back(prefix + stem + "." + std::string(suffix));
    pools.push_back(prefix + stem);
    for (const std::string_view other : {"arn", "name", "id"}) {
      pools.push_back(prefix + stem + "." + std::string(other));
      pools.push_back(prefix + stem + std::string(other));
    }
  }
  for (const std::string& pool : pools)
    if (auto value = draw(random, pool)) return value;
  return std::nullopt;
}

void Pools::forget(std::string_view service, const std::string& value) {
  const std::string prefix = std::string(service) + ".";
  for (auto at = pools_.lower_bound(prefix); at != pools_.end() && at->first.starts_with(prefix);
       ++at)
    std::erase(at->second, value);
}

}  // namespace kiban::simulate
