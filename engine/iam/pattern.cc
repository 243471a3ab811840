#include "iam/pattern.h"

#include "core/letters.h"

namespace kiban::iam {
namespace {

std::size_t next_character(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U; ++at) {
  }
  return at;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

void Context::set(std::string_view key, std::vector<std::string> values) {
  values_.insert_or_assign(lower_case(key), std::move(values));
}

const std::vector<std::string>* Context::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() || found->second.empty() ? nullptr : &found->second;
}

bool glob(std::string_view pattern, std::string_view text, Budget& budget) {
  std::size_t at = 0;
  std::size_t read = 0;
  std::size_t star = std::string_view::npos;  // The last any_text, and what it took so far.
  std::size_t taken = 0;
  while (read < text.size()) {
    if (!budget.spend(1)) return false;
    if (at < pattern.size() && pattern[at] == any_text) {
      star = at++;
      taken = read;
    } else if (at < pattern.size() && pattern[at] == any_character) {
      ++at;
      read = next_character(text, read);
    } else if (at < pattern.size() && pattern[at] == text[read]) {
      ++at;
      ++read;
    } else if (star != std::string_view::npos) {
      taken = next_character(text, taken);
      at = star + 1;
      read = taken;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == any_text) ++at;
  return at == pattern.size();
}

std::optional<std::vector<std::string_view>> arn_parts(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t part = 0; part < 5; ++part) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    parts.push_back(text.substr(0, colon));
    text.remove_prefix(colon + 1);
  }
  parts.push_back(text);
  return parts;
}

Pattern::Pattern(std::string_view text, Wildcards wildcards, Variables variables) {
  const std::size_t last_end = text.rfind('}');  // Behind it no variable ends.
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool may_end = last_end != std::string_view::npos && at < last_end;
    if (variables == Variables::Yes && may_end && text.substr(at).starts_with("${")) {
      const std::size_t end = text.find('}', at);
      add_variable(text.substr(at + 2, end - at - 2));
      at = end;
      continue;
    }
    const char c = text[at];
    if (wildcards == Wildcards::Yes && (c == '*' || c == '?'))
      text_ += c == '*' ? any_text : any_character;
    else
      text_ += c;
  }
}

// ${*}, ${?} and ${$} are the characters themselves; ${key, 'default'} has a default.
void Pattern::add_variable(std::string_view inside) {
  if (inside == "*" || inside == "?" || inside == "$") {
    text_ += inside;
    return;
  }
  Variable variable{.at = text_.size()};
  const std::size_t comma = inside.find(',');
  variable.name = trimmed(inside.substr(0, comma));
  variable.key = lower_case(variable.name);
  if (comma != std::string_view::npos) {
    const std::string_view given = trimmed(inside.substr(comma + 1));
    if (given.size() >= 2 && given.starts_with('\'') && given.ends_with('\''))
      variable.fallback = std::string(given.substr(1, given.size() - 2));
  }
  variables_.push_back(std::move(variable));
}

std::optional<std::string_view> Pattern::expand(const Scope& scope, std::string& buffer) const {
  if (!scope.budget.spend(1)) return std::nullopt;
  if (variables_.empty()) return text_;
  buffer.clear();
  std::size_t done = 0;
  for (const Variable& variable : variables_) {
    buffer.append(text_, done, variable.at - done);
    done = variable.at;
    // A variable has one value: a key with several values has none for it.
    const auto* values = scope.context.find(variable.key);
    const std::string* value = values && values->size() == 1  ? &values->front()
                               : !values && variable.fallback ? &*variable.fallback
                                                              : nullptr;
    if (!value || !scope.budget.spend(1 + value->size())) return std::nullopt;
    buffer += *value;
  }
  buffer.append(text_, done);
  return buffer;
}

bool Pattern::matches(std::string_view text, const Scope& scope) const {
  std::string buffer;
  const auto pattern = expand(scope, buffer);
  return pattern && glob(*pattern, text, scope.budget);
}

bool Pattern::equals_ignoring_case(std::string_view text, const Scope& scope) const {
  std::string buffer;
  const auto pattern = expand(scope, buffer);
  return pattern && scope.budget.spend(text.size()) && same_letters(*pattern, text);
}

bool Pattern::matches_arn(std::string_view text, const Scope& scope) const {
  std::string buffer;
  const auto pattern = expand(scope, buffer);
  if (!pattern) return false;
  if (pattern->size() == 1 && pattern->front() == any_text) return true;
  const auto wanted = arn_parts(*pattern);
  const auto found = arn_parts(text);
  if (!wanted || !found) return false;
  for (std::size_t part = 0; part < wanted->size(); ++part)
    if (!glob((*wanted)[part], (*found)[part], scope.budget)) return false;
  return true;
}

std::vector<std::string> Pattern::variables() const {
  std::vector<std::string> names;
  names.reserve(variables_.size());
  for (const Variable& variable : variables_) names.push_back(variable.name);
  return names;
}

}  // namespace kiban::iam
