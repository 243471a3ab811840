// The regular expressions of CloudWatch Logs' filter patterns, which stand between two '%'. They
// have no groups, so that a search takes one pass over the text: at most regex_states_max steps
// for each character.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
#pragma once

#include <bitset>
#include <optional>
#include <string_view>
#include <vector>

namespace kiban::logfilter {

// Our own bound: characters to match, once `x{3,5}` is written out as xxxx?x?.
constexpr std::size_t regex_states_max = 256;

class Regex {
 public:
  // nullopt for what the page does not support: parentheses, other symbols, multi-byte characters,
  // a quantifier without a term, a class without an end; and for more than regex_states_max.
  static std::optional<Regex> compile(std::string_view text);

  // Whether the expression matches anywhere in `text`, which is UTF-8.
  bool found_in(std::string_view text) const;
  std::size_t states() const;

 private:
  friend class RegexCompiler;
  struct CharacterSet {
    std::bitset<128> ascii{};
    bool others{false};  // Characters beyond ASCII.
    bool has(unsigned char first_byte) const;
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
  static bool found_in(const Alternative& alternative, std::string_view text);

  std::vector<Alternative> alternatives_{};
};

}  // namespace kiban::logfilter
