// The regular expressions of CloudWatch Logs' filter patterns, written between two '%'. They
// have no groups, so that a search takes one pass over the text, and steps() for each character.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kiban::logfilter {

// Our own bound: characters to match, once `x{3,5}` is written out as xxxx?x?.
constexpr std::size_t regex_states_max = 256;
// The same with one position behind each alternative.
constexpr std::size_t regex_positions_max = 512;

class Regex {
 public:
  // nullopt for syntax that the page does not support: parentheses, other symbols, multi-byte
  // characters, a quantifier without a term, a class without an end; and for more than
  // regex_states_max or regex_positions_max.
  static std::optional<Regex> compile(std::string_view text);

  // Whether the expression matches anywhere in `text`, which is UTF-8.
  bool found_in(std::string_view text) const;
  // The cost of a character, in comparisons of a byte.
  std::size_t steps() const { return 4 * words_; }

 private:
  friend class RegexCompiler;
  struct CharacterSet {
    std::bitset<128> ascii{};
    bool others{false};  // Characters beyond ASCII.
  };
  struct State {
    CharacterSet accepts{};
    bool optional{false};
    bool repeats{false};
  };
  struct Alternative {
    std::vector<State> states{};
    bool at_start{false};
    bool at_end{false};
    bool impossible{false};  // An anchor in the middle.
  };
  // Sets of positions, `words_` words each. A position is before a state, or behind the last state
  // of its alternative.
  using Positions = std::vector<std::uint64_t>;
  void lay_out(const std::vector<Alternative>& alternatives);
  template <std::size_t words>
  bool found_by(std::string_view text) const;

  std::size_t words_{1};
  Positions accepting_{};     // One set for each ASCII character, the last for all others.
  Positions repeating_{};     // The state may take another character.
  Positions first_starts_{};  // Where a match begins at the start of the text,
  Positions starts_{};        // and anywhere.
  Positions ends_{};          // Where a match ends,
  Positions last_ends_{};     // and at the end of the text.
  // Runs of optional states, each with the position behind it: all, the first, the last positions.
  Positions runs_{};
  Positions run_begins_{};
  Positions run_ends_{};
};

}  // namespace kiban::logfilter
