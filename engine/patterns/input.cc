#include "patterns/input.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kiban::patterns {
namespace {

constexpr std::string_view predefined[] = {"aws.events.rule-arn", "aws.events.rule-name",
                                           "aws.events.event.ingestion-time", "aws.events.event",
                                           "aws.events.event.json"};

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationException", std::move(cause));
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

// The length of the name behind '<', when a '>' ends it.
std::size_t placeholder_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_name_character(text[length])) ++length;
  return length > 0 && length < text.size() && text[length] == '>' ? length : 0;
}

std::string without_quotes(std::string text) {
  std::erase(text, '"');
  return text;
}

// The characters of a string as written between JSON quotes.
std::string escaped(const json::value& string) {
  const auto text = print_json(string);
  return text.substr(1, text.size() - 2);
}

}  // namespace

Result<EventPath> EventPath::parse(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return fail("InvalidPath",
                fmt::format("'{}' {}; write $.detail.name or $.resources[0]", text, why));
  };
  if (!text.starts_with('$')) return wrong("does not begin with $");
  EventPath path;
  for (std::size_t i = 1; i < text.size();) {
    if (text[i] == '.') {
      const auto end = std::min(text.find_first_of(".[", i + 1), text.size());
      if (end == i + 1) return wrong("has an empty name");
      path.steps_.emplace_back(std::string(text.substr(i + 1, end - i - 1)));
      i = end;
      continue;
    }
    const auto end = text.find(']', i);
    if (text[i] != '[' || end == std::string_view::npos) return wrong("has an unclosed bracket");
    const auto inside = text.substr(i + 1, end - i - 1);
    i = end + 1;
    std::size_t index = 0;
    const auto [stop, error] = std::from_chars(inside.data(), inside.data() + inside.size(), index);
    if (inside == "*") {
      path.steps_.emplace_back(All{});
    } else if (inside.size() > 2 && inside.front() == '\'' && inside.back() == '\'') {
      path.steps_.emplace_back(std::string(inside.substr(1, inside.size() - 2)));
    } else if (error == std::errc{} && stop == inside.data() + inside.size()) {
      path.steps_.emplace_back(index);
    } else {
      return wrong("has a bracket with neither an index, 'name' nor *");
    }
  }
  return path;
}

void EventPath::collect(const json::value& value, const std::vector<Step>& steps, std::size_t from,
                        json::array& out) {
  if (from == steps.size()) {
    out.push_back(value);
    return;
  }
  if (const auto* name = std::get_if<std::string>(&steps[from])) {
    const auto* object = value.if_object();
    const auto* member = object == nullptr ? nullptr : object->if_contains(*name);
    if (member != nullptr) collect(*member, steps, from + 1, out);
    return;
  }
  const auto* array = value.if_array();
  if (const auto* index = std::get_if<std::size_t>(&steps[from])) {
    if (array != nullptr && *index < array->size()) {
      collect((*array)[*index], steps, from + 1, out);
    }
    return;
  }
  if (array != nullptr) {
    for (const auto& element : *array) collect(element, steps, from + 1, out);
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) collect(member.value(), steps, from + 1, out);
  }
}

std::optional<json::value> EventPath::read(const json::value& event) const {
  json::array found;
  collect(event, steps_, 0, found);
  const bool several = std::ranges::any_of(
      steps_, [](const Step& step) { return std::holds_alternative<All>(step); });
  if (found.empty()) return std::nullopt;
  if (several) return json::value(std::move(found));
  return found.front();
}

Result<InputTransformer> InputTransformer::parse(const std::map<std::string, std::string>& paths,
                                                 std::string template_text,
                                                 std::string_view target_id) {
  InputTransformer transformer;
  if (paths.size() > input_paths_max) {
    return invalid(fmt::format("InputPathsMap for target {} has {} paths; at most {} are allowed.",
                               target_id, paths.size(), input_paths_max));
  }
  for (const auto& [name, text] : paths) {
    if (name.starts_with("AWS") || name.starts_with("aws")) {
      return invalid(
          fmt::format("InputPathsMap for target {} has the key {}: keys that begin with "
                      "AWS are reserved.",
                      target_id, name));
    }
    auto path = EventPath::parse(text);
    if (!path) {
      return invalid(fmt::format("InputPathsMap for target {} contains an invalid path: {}",
                                 target_id, path.error().cause));
    }
    transformer.paths_.emplace(name, *std::move(path));
  }
  const auto start = template_text.find_first_not_of(" \t\r\n");
  transformer.is_string_ = start != std::string::npos && template_text[start] == '"';
  std::string literal;
  bool in_quotes = false;
  const std::string_view text = template_text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto length = text[i] == '<' ? placeholder_length(text.substr(i + 1)) : 0;
    if (length > 0) {
      std::string name(text.substr(i + 1, length));
      if (!transformer.paths_.contains(name) &&
          std::ranges::find(predefined, name) == std::end(predefined)) {
        return invalid(fmt::format("InputTemplate for target {} contains invalid placeholder {}.",
                                   target_id, name));  // Recorded by AWS.
      }
      transformer.pieces_.emplace_back(Literal{.text = std::move(literal)});
      literal.clear();
      transformer.pieces_.emplace_back(
          Placeholder{.name = std::move(name), .in_quotes = in_quotes});
      i += length + 1;
      continue;
    }
    if (text[i] == '\\' && in_quotes && i + 1 < text.size())
      literal.push_back(text[i++]);
    else if (text[i] == '"')
      in_quotes = !in_quotes;
    literal.push_back(text[i]);
  }
  transformer.pieces_.emplace_back(Literal{.text = std::move(literal)});
  return transformer;
}

std::optional<json::value> InputTransformer::value_of(const std::string& name,
                                                      const json::value& event,
                                                      const RuleFacts& facts) const {
  if (const auto path = paths_.find(name); path != paths_.end()) return path->second.read(event);
  if (name == "aws.events.rule-arn") return json::value(facts.rule_arn);
  if (name == "aws.events.rule-name") return json::value(facts.rule_name);
  if (name == "aws.events.event.ingestion-time") {
    auto text = format_iso8601(facts.ingestion_time);
    text.replace(text.find('.'), std::string::npos, "Z");
    return json::value(text);
  }
  if (name == "aws.events.event.json") return event;
  json::value without_detail = event;
  if (auto* object = without_detail.if_object()) object->erase("detail");
  return without_detail;
}

Result<std::string> InputTransformer::apply(const json::value& event,
                                            const RuleFacts& facts) const {
  std::string out;
  for (const auto& piece : pieces_) {
    if (const auto* literal = std::get_if<Literal>(&piece)) {
      out += literal->text;
      continue;
    }
    const auto& placeholder = std::get<Placeholder>(piece);
    const auto value = value_of(placeholder.name, event, facts);
    if (!value) {
      if (!placeholder.in_quotes) out += "\"\"";
    } else if (placeholder.in_quotes && value->is_string()) {
      out += escaped(*value);
    } else if (placeholder.in_quotes && is_string_) {
      out += without_quotes(print_json(*value));
    } else {
      out += print_json(*value);
    }
  }
  // Several quoted lines are a text, not one JSON value.
  if (!is_string_) {
    if (const auto parsed = parse_json(out); !parsed) {
      return fail("InvalidInput",
                  fmt::format("the input template made invalid JSON: {}", parsed.error().cause));
    }
  }
  return out;
}

Result<TargetInput> TargetInput::parse(const json::object& target) {
  const auto* id_member = find_string(target, "Id");
  const std::string id = id_member == nullptr ? "" : to_string(*id_member);
  const auto* input = find_string(target, "Input");
  const auto* path = find_string(target, "InputPath");
  const auto* transformer = find_object(target, "InputTransformer");
  const int given = (input != nullptr) + (path != nullptr) + (transformer != nullptr);
  if (given > 1) {
    return invalid(fmt::format(
        "Only one of Input, InputPath, or InputTransformer must be provided for target {}.", id));
  }
  TargetInput result;
  if (input != nullptr) {
    if (const auto parsed = parse_json(to_string(*input)); !parsed) {
      return invalid(
          fmt::format("JSON syntax error in input for target {}: {}", id, parsed.error().cause));
    }
    result.input_ = to_string(*input);
  } else if (path != nullptr) {
    auto parsed = EventPath::parse(to_string(*path));
    if (!parsed) {
      return invalid(fmt::format("Invalid InputPath for target {}: {}", id, parsed.error().cause));
    }
    result.input_ = *std::move(parsed);
  } else if (transformer != nullptr) {
    std::map<std::string, std::string> paths;
    if (const auto* map = find_object(*transformer, "InputPathsMap")) {
      for (const auto& member : *map) {
        if (!member.value().is_string()) {
          return invalid(fmt::format("InputPathsMap for target {} must hold strings.", id));
        }
        paths.emplace(member.key(), to_string(member.value().get_string()));
      }
    }
    const auto* text = find_string(*transformer, "InputTemplate");
    if (text == nullptr) {
      return invalid(fmt::format("InputTransformer of target {} has no InputTemplate.", id));
    }
    KIBAN_TRY(auto parsed, InputTransformer::parse(paths, to_string(*text), id));
    result.input_ = std::move(parsed);
  }
  return result;
}

Result<std::string> TargetInput::apply(const json::value& event, const RuleFacts& facts) const {
  if (const auto* constant = std::get_if<std::string>(&input_)) return *constant;
  if (const auto* transformer = std::get_if<InputTransformer>(&input_)) {
    return transformer->apply(event, facts);
  }
  if (const auto* path = std::get_if<EventPath>(&input_)) {
    const auto value = path->read(event);
    if (!value) return fail("InvalidInput", "the event has nothing at InputPath");
    return print_json(*value);
  }
  return print_json(event);
}

}  // namespace kiban::patterns
