// Finds which of many patterns an event matches, at a cost that hardly grows with their number.
//
// Each alternative of a pattern is filed under one of its keys, the one whose values the fewest
// other patterns share. An event looks up the values of its own leaves there, and only the
// alternatives that are found are tested in full. Alternatives whose keys all carry anything-but or
// exists are tested for every event.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "patterns/pattern.h"

namespace kiban::patterns {

// Finds the numeric ranges that contain a number, by a segment tree. Bounds count as closed; the
// caller tests the ranges found.
class RangeIndex {
 public:
  void add(const Range& range, std::uint32_t entry) { ranges_.emplace_back(range, entry); }
  void build();  // After the last add().
  void find(double number, std::vector<std::uint32_t>& out) const;

 private:
  std::vector<std::pair<Range, std::uint32_t>> ranges_{};
  std::vector<double> ends_{};
  std::vector<std::vector<std::uint32_t>> nodes_{};  // Of a complete binary tree; the root is 1.
};

class PatternIndex {
 public:
  PatternIndex() = default;
  explicit PatternIndex(std::vector<Pattern> patterns);
  PatternIndex(const PatternIndex&) = delete;  // Entries point into patterns_.
  PatternIndex& operator=(const PatternIndex&) = delete;
  PatternIndex(PatternIndex&&) = default;
  PatternIndex& operator=(PatternIndex&&) = default;
  ~PatternIndex() = default;

  std::size_t size() const { return patterns_.size(); }
  // Positions in the vector of those that match, ascending.
  std::vector<std::size_t> matches(const json::object& event) const;
  std::vector<std::size_t> matches(const json::value& event) const;

 private:
  using Entries = std::vector<std::uint32_t>;  // Positions in entries_.
  using ByText = std::unordered_map<std::string, Entries, TextHash, std::equal_to<>>;
  // Texts of each length that occurs, to be found at one end of a value.
  using ByLength = std::map<std::size_t, ByText>;
  struct PathIndex {
    ByText texts{};
    ByText folded{};
    ByLength prefixes{};
    ByLength suffixes{};
    ByLength folded_prefixes{};
    ByLength folded_suffixes{};
    ByLength networks{};  // By the bytes of the network's address that its mask leaves whole.
    std::unordered_map<double, Entries> numbers{};
    std::map<std::pair<json::kind, bool>, Entries> literals{};
    RangeIndex ranges{};
  };
  struct Entry {
    std::size_t pattern{0};
    const Pattern::Keys* keys{nullptr};
  };
  using Counts = std::unordered_map<std::string, std::size_t>;

  std::vector<std::size_t> matches(const EventFields& fields) const;
  // The place where a test is filed, as text: equal places are equal texts.
  static std::string place_of(std::string_view path, const Test& test);
  Counts count_places() const;
  // The key to file the alternative under; end() when it has none.
  static Pattern::Keys::const_iterator key_of(const Pattern::Keys& keys, const Counts& counts);
  static void put(PathIndex& index, const Test& test, std::uint32_t entry);
  static void find(const PathIndex& index, const json::value& value, Entries& out);
  static void find_text(const PathIndex& index, std::string_view text, Entries& out);
  void want(std::string_view path);

  std::vector<Pattern> patterns_{};
  std::vector<Entry> entries_{};
  std::unordered_map<std::string, PathIndex, TextHash, std::equal_to<>> by_path_{};
  Entries always_{};
  Paths wanted_{};  // Of all keys of all patterns.
};

}  // namespace kiban::patterns
