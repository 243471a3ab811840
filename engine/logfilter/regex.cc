#include "logfilter/regex.h"

#include <algorithm>
#include <array>
#include <string>

namespace kiban::logfilter {
namespace {

constexpr std::string_view symbols = "_#=@/;,- ";
constexpr std::string_view operators = "^$?[]{}|\\*+.";

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Behind the UTF-8 character that begins at `at`.
std::size_t next_character(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;) ++at;
  return at;
}

}  // namespace

// Reads one expression; every function returns false for unsupported syntax.
class RegexCompiler {
 public:
  explicit RegexCompiler(std::string_view text) : text_(text) {}

  std::optional<Regex> compile() {
    const bool supported = std::ranges::all_of(text_, [](char c) {
      return is_alphanumeric(c) || symbols.contains(c) || operators.contains(c);
    });
    if (text_.empty() || !supported) return std::nullopt;
    alternatives_.emplace_back();
    while (at_ < text_.size())
      if (!term()) return std::nullopt;
    if (total_ + alternatives_.size() > regex_positions_max) return std::nullopt;
    Regex regex;
    regex.lay_out(alternatives_);
    return regex;
  }

 private:
  using Set = Regex::CharacterSet;

  Regex::Alternative& current() { return alternatives_.back(); }
  bool more() const { return at_ < text_.size(); }

  bool term() {
    const char c = text_[at_];
    Regex::Alternative& alternative = current();
    if (c == '|') {
      ++at_;
      alternatives_.emplace_back();
      return true;
    }
    if (c == '^') {
      ++at_;
      if (!alternative.states.empty() || alternative.at_end) alternative.impossible = true;
      alternative.at_start = true;
      return true;
    }
    if (c == '$') {
      ++at_;
      alternative.at_end = true;
      return true;
    }
    if (alternative.at_end) alternative.impossible = true;
    Set set;
    if (!atom(set)) return false;
    return quantified(set);
  }

  bool atom(Set& set) {
    const char c = text_[at_++];
    switch (c) {
      case '.':
        set.ascii.set().reset('\n').reset('\r');
        set.others = true;
        return true;
      case '[':
        return character_class(set);
      case '\\':
        return escape(set);
      case '?':
      case '*':
      case '+':
      case '{':
      case '}':
      case ']':
        return false;
      default:
        set.ascii.set(static_cast<unsigned char>(c));
        return true;
    }
  }

  // Behind the backslash: a class of characters, \xhh, or an operator or symbol itself.
  bool escape(Set& set) {
    if (!more()) return false;
    const char c = text_[at_++];
    const std::bitset<128> before = set.ascii;
    std::bitset<128> named;
    const auto add = [&named](char first, char last) {
      for (char each = first; each <= last; ++each) named.set(static_cast<unsigned char>(each));
    };
    switch (c) {
      case 'd':
      case 'D':
        add('0', '9');
        break;
      case 's':
      case 'S':
        for (const char space : {' ', '\t', '\n', '\r', '\f', '\v'})
          named.set(static_cast<unsigned char>(space));
        break;
      case 'w':
      case 'W':
        add('0', '9');
        add('a', 'z');
        add('A', 'Z');
        named.set('_');
        break;
      case 't':
        named.set('\t');
        break;
      case 'n':
        named.set('\n');
        break;
      case 'r':
        named.set('\r');
        break;
      case 'x': {
        if (text_.size() - at_ < 2) return false;
        const int high = hex_digit(text_[at_]);
        const int low = hex_digit(text_[at_ + 1]);
        if (high < 0 || high > 7 || low < 0) return false;
        named.set(static_cast<std::size_t>(high) * 16 + static_cast<std::size_t>(low));
        at_ += 2;
        break;
      }
      default:
        if (is_alphanumeric(c)) return false;
        named.set(static_cast<unsigned char>(c));
    }
    const bool inverse = c == 'D' || c == 'S' || c == 'W';
    set.ascii = before | (inverse ? ~named : named);
    if (inverse) set.others = true;
    return true;
  }

  bool character_class(Set& set) {
    const bool negated = more() && text_[at_] == '^';
    if (negated) ++at_;
    bool any = false;
    while (more() && text_[at_] != ']') {
      if (text_[at_] == '[') return false;
      Set first;
      if (!class_member(first)) return false;
      any = true;
      const bool range = at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']';
      if (!range) {
        set.ascii |= first.ascii;
        set.others |= first.others;
        continue;
      }
      ++at_;
      Set last;
      if (!class_member(last) || first.ascii.count() != 1 || last.ascii.count() != 1) return false;
      std::size_t from = 0;
      while (!first.ascii.test(from)) ++from;
      std::size_t to = 0;
      while (!last.ascii.test(to)) ++to;
      if (from > to) return false;
      for (; from <= to; ++from) set.ascii.set(from);
    }
    if (!more() || !any) return false;
    ++at_;
    if (negated) {
      set.ascii.flip();
      set.others = !set.others;
    }
    return true;
  }

  bool class_member(Set& set) {
    const char c = text_[at_++];
    if (c == '\\') return escape(set);
    set.ascii.set(static_cast<unsigned char>(c));
    return true;
  }

  bool quantified(const Set& set) {
    std::size_t least = 1;
    std::optional<std::size_t> most = 1;
    if (more()) {
      const char c = text_[at_];
      if (c == '?' || c == '*' || c == '+') {
        ++at_;
        least = c == '+' ? 1 : 0;
        if (c != '?') most.reset();
        if (more() && text_[at_] == '?') ++at_;  // Lazy: the same to find something at all.
      } else if (c == '{') {
        ++at_;
        if (!bounds(least, most)) return false;
      }
    }
    return append(set, least, most);
  }

  // {m}, {m,n}, {m,}, {,n}, with optional spaces around the numbers.
  bool bounds(std::size_t& least, std::optional<std::size_t>& most) {
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return false;
    std::string body(text_.substr(at_, end - at_));
    std::erase(body, ' ');
    at_ = end + 1;
    const std::size_t comma = body.find(',');
    const std::optional<std::size_t> first = count(body.substr(0, comma));
    if (comma == std::string::npos) {
      if (!first) return false;
      least = *first;
      most = first;
      return true;
    }
    const std::string second_text = body.substr(comma + 1);
    const std::optional<std::size_t> second = count(second_text);
    if ((!first && comma != 0) || (!second && !second_text.empty()) || (!first && !second))
      return false;
    least = first.value_or(0);
    most = second;
    return !second || least <= *second;
  }

  static std::optional<std::size_t> count(const std::string& digits) {
    if (digits.empty() || digits.size() > 3 ||
        digits.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    return std::stoul(digits);
  }

  bool append(const Set& set, std::size_t least, std::optional<std::size_t> most) {
    std::vector<Regex::State>& states = current().states;
    const std::size_t fixed = most ? *most : std::max<std::size_t>(least, 1);
    total_ += fixed;
    if (total_ > regex_states_max) return false;
    for (std::size_t i = 0; i < fixed; ++i)
      states.push_back(
          {.accepts = set, .optional = i >= least, .repeats = !most && i + 1 == fixed});
    return true;
  }

  std::string_view text_;
  std::size_t at_{0};
  std::size_t total_{0};
  std::vector<Regex::Alternative> alternatives_{};
};

std::optional<Regex> Regex::compile(std::string_view text) { return RegexCompiler(text).compile(); }

void Regex::lay_out(const std::vector<Alternative>& alternatives) {
  std::size_t positions = 0;
  for (const Alternative& each : alternatives) positions += each.states.size() + 1;
  while (words_ * 64 < positions) words_ *= 2;
  constexpr std::size_t characters = 129;
  accepting_.resize(characters * words_);
  for (Positions* set : {&repeating_, &first_starts_, &starts_, &ends_, &last_ends_, &runs_,
                         &run_begins_, &run_ends_})
    set->resize(words_);
  const auto add = [](std::uint64_t* set, std::size_t position) {
    set[position / 64] |= std::uint64_t{1} << position % 64;
  };
  std::size_t at = 0;
  for (const Alternative& each : alternatives) {
    if (each.impossible) continue;
    add(first_starts_.data(), at);
    if (!each.at_start) add(starts_.data(), at);
    bool in_run = false;
    for (const State& state : each.states) {
      for (std::size_t c = 0; c < characters; ++c)
        if (c + 1 < characters ? state.accepts.ascii.test(c) : state.accepts.others)
          add(&accepting_[c * words_], at);
      if (state.repeats) add(repeating_.data(), at);
      if (state.optional && !in_run) add(run_begins_.data(), at);
      if (!state.optional && in_run) add(run_ends_.data(), at);
      if (state.optional || in_run) add(runs_.data(), at);
      in_run = state.optional;
      ++at;
    }
    if (in_run) {
      add(run_ends_.data(), at);
      add(runs_.data(), at);
    }
    add(last_ends_.data(), at);
    if (!each.at_end) add(ends_.data(), at);
    ++at;
  }
}

bool Regex::found_in(std::string_view text) const {
  switch (words_) {
    case 1:
      return found_by<1>(text);
    case 2:
      return found_by<2>(text);
    case 4:
      return found_by<4>(text);
    default:
      return found_by<regex_positions_max / 64>(text);
  }
}

// Follows all paths through the states at once: a position is in `active` when the states before it
// have matched the text that ends at this character. From a position of a run all later ones of
// the run are reached, which a subtraction finds: Navarro and Raffinot, "Fast and Simple Character
// Classes and Bounded Gaps Pattern Matching" (2003).
template <std::size_t words>
bool Regex::found_by(std::string_view text) const {
  std::array<std::uint64_t, words> active{};
  const auto enter = [&](const Positions& starts) {
    std::uint64_t borrow = 0;
    for (std::size_t i = 0; i < words; ++i) {
      active[i] |= starts[i];
      const std::uint64_t bounded = active[i] | run_ends_[i];
      const std::uint64_t difference = bounded - run_begins_[i] - borrow;
      borrow = bounded < run_begins_[i] || (bounded == run_begins_[i] && borrow != 0) ? 1 : 0;
      active[i] |= runs_[i] & (~difference ^ bounded);
    }
  };
  const auto any_of = [&](const Positions& set) {
    std::uint64_t common = 0;
    for (std::size_t i = 0; i < words; ++i) common |= active[i] & set[i];
    return common != 0;
  };
  enter(first_starts_);
  for (std::size_t at = 0;;) {
    if (any_of(ends_)) return true;
    if (at == text.size()) return any_of(last_ends_);
    const auto first_byte = static_cast<unsigned char>(text[at]);
    const std::uint64_t* accepting = &accepting_[std::min<std::size_t>(first_byte, 128) * words];
    at = next_character(text, at);
    std::uint64_t carry = 0;
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t taken = active[i] & accepting[i];
      active[i] = taken << 1U | carry | (taken & repeating_[i]);
      carry = taken >> 63U;
    }
    enter(starts_);
  }
}

}  // namespace kiban::logfilter
