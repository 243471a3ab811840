#include "patterns/index.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace kiban::patterns {

namespace {

// Ours: of all patterns that one event is compared with, some hundredths of a second.
constexpr std::size_t event_steps_max = 1'000'000;

std::string_view bytes_of(const std::array<std::uint8_t, 16>& address, std::size_t count) {
  return {reinterpret_cast<const char*>(address.data()), count};
}

// The bytes of a network's address that its mask covers completely, after a byte that distinguishes
// IPv4 and IPv6.
std::string whole_bytes(const Cidr& network) {
  std::size_t whole = 0;
  while (whole < network.bytes && network.low.at(whole) == network.high.at(whole)) ++whole;
  return static_cast<char>(network.bytes) + std::string(bytes_of(network.low, whole));
}

template <typename... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

void RangeIndex::build() {
  for (const auto& [range, entry] : ranges_) {
    if (range.has_bottom) ends_.push_back(range.bottom);
    if (range.has_top) ends_.push_back(range.top);
  }
  std::ranges::sort(ends_);
  ends_.erase(std::ranges::unique(ends_).begin(), ends_.end());
  // Leaves: the gap before each end, the end itself, and the gap behind the last.
  const std::size_t leaves = std::bit_ceil(2 * ends_.size() + 1);
  nodes_.assign(2 * leaves, {});
  const auto leaf = [&](double end) {
    return 2 * static_cast<std::size_t>(std::ranges::lower_bound(ends_, end) - ends_.begin()) + 1;
  };
  for (const auto& [range, entry] : ranges_) {
    std::size_t from = leaves + (range.has_bottom ? leaf(range.bottom) : 0);
    std::size_t to = leaves + (range.has_top ? leaf(range.top) : 2 * ends_.size()) + 1;
    for (; from < to; from /= 2, to /= 2) {
      if (from % 2 == 1) nodes_[from++].push_back(entry);
      if (to % 2 == 1) nodes_[--to].push_back(entry);
    }
  }
  ranges_.clear();
}

void RangeIndex::find(double number, std::vector<std::uint32_t>& out) const {
  if (nodes_.empty()) return;
  const auto end = std::ranges::lower_bound(ends_, number);
  const auto before = static_cast<std::size_t>(end - ends_.begin());
  std::size_t node =
      nodes_.size() / 2 + 2 * before + (end != ends_.end() && *end == number ? 1 : 0);
  for (; node >= 1; node /= 2) out.insert(out.end(), nodes_[node].begin(), nodes_[node].end());
}

PatternIndex::PatternIndex(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  const Counts counts = count_places();
  wanted_.emplace();
  for (std::size_t number = 0; number < patterns_.size(); ++number) {
    for (const Pattern::Keys& keys : patterns_[number].alternatives_) {
      const auto entry = static_cast<std::uint32_t>(entries_.size());
      entries_.push_back({.pattern = number, .keys = &keys});
      for (const auto& [path, matchers] : keys) want(path);
      const auto key = key_of(keys, counts);
      if (key == keys.end()) {
        always_.push_back(entry);
        continue;
      }
      PathIndex& index = by_path_[key->first];
      for (const Matcher& matcher : key->second)
        for (const Test& test : matcher.tests) put(index, test, entry);
    }
  }
  for (auto& [path, index] : by_path_) index.ranges.build();
}

void PatternIndex::want(std::string_view path) {
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos;
       dot = path.find('.', dot + 1))
    wanted_.emplace(path.substr(0, dot));
  wanted_.emplace(path);
}

std::string PatternIndex::place_of(std::string_view path, const Test& test) {
  const auto with_case = [](Case letters, std::string_view name) {
    return fmt::format("{} {}", name, letters == Case::Ignored ? "i" : "e");
  };
  const auto kind_and_text = std::visit(
      Overloaded{
          [](const Text& t) { return "text " + t.text; },
          [](const Literal& t) {
            return fmt::format("literal {} {}", static_cast<int>(t.kind), t.value);
          },
          [](const Number& t) { return fmt::format("number {}", t.value); },
          [&](const Prefix& t) { return with_case(t.letters, "prefix") + t.text; },
          [&](const Suffix& t) { return with_case(t.letters, "suffix") + t.text; },
          [](const IgnoreCase& t) { return "folded " + t.folded; },
          [](const Wildcard& t) {
            return "wildcard " + (t.parts.front().empty() ? t.parts.back() : t.parts.front());
          },
          // Ranges that are open at one side overlap and share a place.
          [](const Range& t) {
            return t.has_bottom && t.has_top ? fmt::format("range {} {}", t.bottom, t.top)
                                             : std::string("range");
          },
          [](const Cidr& t) { return "cidr " + whole_bytes(t); },
      },
      test);
  return fmt::format("{}\n{}", path, kind_and_text);
}

PatternIndex::Counts PatternIndex::count_places() const {
  Counts counts;
  for (const Pattern& pattern : patterns_)
    for (const Pattern::Keys& keys : pattern.alternatives_)
      for (const auto& [path, matchers] : keys)
        for (const Matcher& matcher : matchers)
          if (matcher.kind == Matcher::Kind::AnyOf)
            for (const Test& test : matcher.tests) ++counts[place_of(path, test)];
  return counts;
}

Pattern::Keys::const_iterator PatternIndex::key_of(const Pattern::Keys& keys,
                                                   const Counts& counts) {
  auto best = keys.end();
  std::size_t best_cost = std::numeric_limits<std::size_t>::max();
  for (auto key = keys.begin(); key != keys.end(); ++key) {
    const bool can_be_filed = std::ranges::all_of(
        key->second, [](const Matcher& matcher) { return matcher.kind == Matcher::Kind::AnyOf; });
    if (!can_be_filed) continue;
    std::size_t cost = 0;
    for (const Matcher& matcher : key->second)
      for (const Test& test : matcher.tests)
        cost = std::max(cost, counts.at(place_of(key->first, test)));
    if (cost < best_cost) {
      best = key;
      best_cost = cost;
    }
  }
  return best;
}

void PatternIndex::put(PathIndex& index, const Test& test, std::uint32_t entry) {
  const auto at_end = [&](ByLength& ends, const std::string& text) {
    ends[text.size()][text].push_back(entry);
  };
  std::visit(
      Overloaded{
          [&](const Text& t) { index.texts[t.text].push_back(entry); },
          [&](const Literal& t) { index.literals[{t.kind, t.value}].push_back(entry); },
          [&](const Number& t) { index.numbers[t.value].push_back(entry); },
          [&](const Prefix& t) {
            at_end(t.letters == Case::Exact ? index.prefixes : index.folded_prefixes, t.text);
          },
          [&](const Suffix& t) {
            at_end(t.letters == Case::Exact ? index.suffixes : index.folded_suffixes, t.text);
          },
          [&](const IgnoreCase& t) { index.folded[t.folded].push_back(entry); },
          [&](const Wildcard& t) {
            if (t.parts.front().empty()) return at_end(index.suffixes, t.parts.back());
            at_end(index.prefixes, t.parts.front());
          },
          [&](const Range& t) { index.ranges.add(t, entry); },
          [&](const Cidr& t) { at_end(index.networks, whole_bytes(t)); },
      },
      test);
}

namespace {

template <typename Map, typename Key>
void collect(const Map& map, const Key& key, std::vector<std::uint32_t>& out) {
  const auto found = map.find(key);
  if (found != map.end()) out.insert(out.end(), found->second.begin(), found->second.end());
}

template <typename ByLength>
void collect_prefixes(const ByLength& prefixes, std::string_view text,
                      std::vector<std::uint32_t>& out) {
  for (const auto& [length, texts] : prefixes) {
    if (length > text.size()) return;
    collect(texts, text.substr(0, length), out);
  }
}

template <typename ByLength>
void collect_suffixes(const ByLength& suffixes, std::string_view text,
                      std::vector<std::uint32_t>& out) {
  for (const auto& [length, texts] : suffixes) {
    if (length > text.size()) return;
    collect(texts, text.substr(text.size() - length), out);
  }
}

}  // namespace

void PatternIndex::find_text(const PathIndex& index, std::string_view text, Entries& out) {
  if (!index.texts.empty()) collect(index.texts, text, out);
  collect_prefixes(index.prefixes, text, out);
  collect_suffixes(index.suffixes, text, out);
  if (!index.folded.empty() || !index.folded_prefixes.empty() || !index.folded_suffixes.empty()) {
    const std::string folded = fold_case(text);
    collect(index.folded, folded, out);
    collect_prefixes(index.folded_prefixes, folded, out);
    collect_suffixes(index.folded_suffixes, folded, out);
  }
  if (index.networks.empty()) return;
  std::array<std::uint8_t, 16> address{};
  const std::size_t bytes = parse_address(text, address);
  if (bytes == 0) return;
  collect_prefixes(index.networks, static_cast<char>(bytes) + std::string(bytes_of(address, bytes)),
                   out);
}

void PatternIndex::find(const PathIndex& index, const json::value& value, Entries& out) {
  if (const auto* string = value.if_string()) {
    find_text(index, {string->data(), string->size()}, out);
  } else if (value.is_number()) {
    const auto number = value.to_number<double>();
    collect(index.numbers, number, out);
    index.ranges.find(number, out);
  } else {
    collect(index.literals, std::pair{value.kind(), value.is_bool() && value.get_bool()}, out);
  }
}

std::vector<std::size_t> PatternIndex::matches(const json::object& event) const {
  if (patterns_.empty()) return {};
  return matches(EventFields{event, &wanted_});
}

std::vector<std::size_t> PatternIndex::matches(const json::value& event) const {
  if (patterns_.empty()) return {};
  return matches(EventFields{event, &wanted_});
}

std::vector<std::size_t> PatternIndex::matches(const EventFields& fields) const {
  std::vector<std::size_t> matched;
  Entries found = always_;
  for (const EventFields::Field& field : fields.all()) {
    const auto index = by_path_.find(field.path);
    if (index != by_path_.end()) find(index->second, *field.value, found);
  }
  std::ranges::sort(found);
  found.erase(std::ranges::unique(found).begin(), found.end());
  std::size_t left = event_steps_max;
  for (const std::uint32_t each : found) {
    const Entry& entry = entries_[each];
    if (!matched.empty() && matched.back() == entry.pattern) continue;
    const std::size_t alternatives = patterns_[entry.pattern].alternatives_.size();
    if (Pattern::holds_alternative(*entry.keys, fields, alternatives, left))
      matched.push_back(entry.pattern);
  }
  return matched;
}

}  // namespace kiban::patterns
