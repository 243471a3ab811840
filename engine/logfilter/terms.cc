#include <algorithm>
#include <string>
#include <vector>

#include "logfilter/patterns.h"
#include "logfilter/scanner.h"

namespace kiban::logfilter {
namespace {

class Terms : public Pattern {
 public:
  // "If you combine "?" with other filter patterns, all question mark terms will be ignored."
  bool matches(const Message& message) const override {
    const auto occurs = [text = message.text()](const std::string& term) {
      return text.contains(term);
    };
    if (!std::ranges::all_of(required, occurs) || std::ranges::any_of(excluded, occurs))
      return false;
    return optional.empty() || !required.empty() || !excluded.empty() ||
           std::ranges::any_of(optional, occurs);
  }
  std::size_t cost() const override { return required.size() + excluded.size() + optional.size(); }

  std::vector<std::string> required{};
  std::vector<std::string> excluded{};
  std::vector<std::string> optional{};
};

class RegexPattern : public Pattern {
 public:
  explicit RegexPattern(Regex regex) : regex_(std::move(regex)) {}
  bool matches(const Message& message) const override { return regex_.found_in(message.text()); }
  std::size_t regex_count() const override { return 1; }
  std::size_t cost() const override { return regex_.steps(); }

 private:
  Regex regex_;
};

}  // namespace

std::unique_ptr<Pattern> parse_terms(std::string_view pattern) {
  Scanner scanner(pattern);
  if (scanner.peek() == '%') {
    auto regex = scanner.regex();
    if (!regex || !scanner.done()) return nullptr;
    return std::make_unique<RegexPattern>(*std::move(regex));
  }
  auto terms = std::make_unique<Terms>();
  while (!scanner.done()) {
    std::vector<std::string>* list = &terms->required;
    if (scanner.take("-"))
      list = &terms->excluded;
    else if (scanner.take("?"))
      list = &terms->optional;
    scanner.skip_spaces();
    std::string term;
    if (scanner.peek() == '"') {
      auto phrase = scanner.quoted();
      if (!phrase) return nullptr;
      // `" "` "matches everything", as an empty phrase does.
      if (phrase->find_first_not_of(' ') != std::string::npos) term = *std::move(phrase);
    } else {
      // "Enclose exact phrases and terms that include non-alphanumeric characters in double
      // quotation marks."
      term = scanner.take_while(is_word);
      if (term.empty()) return nullptr;
    }
    constexpr std::string_view separators = " \t\r\n\"";
    if (!scanner.done() && !separators.contains(scanner.peek())) return nullptr;
    scanner.skip_spaces();
    if (!term.empty()) list->push_back(std::move(term));
  }
  return terms;
}

}  // namespace kiban::logfilter
