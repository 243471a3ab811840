#include "services/states/variable_references.h"

#include <map>
#include <set>
#include <string>

namespace kiban::services::states {
namespace {

using Names = std::set<std::string, std::less<>>;

// Calls `visit(name, state)` for every state, nested ones included.
template <typename Visit>
void each_state(const json::object& machine, const Visit& visit) {
  const json::object* states = find_object(machine, "States");
  if (!states) return;
  for (const auto& [name, state] : *states) {
    const json::object* object = state.if_object();
    if (!object) continue;
    visit(name, *object);
    for (const auto* processor : {"ItemProcessor", "Iterator"}) {
      if (const json::object* inner = find_object(*object, processor)) each_state(*inner, visit);
    }
    if (const json::array* branches = find_array(*object, "Branches")) {
      for (const json::value& branch : *branches) {
        if (branch.is_object()) each_state(branch.get_object(), visit);
      }
    }
  }
}

void collect_assigned(const json::object& state, Names& names) {
  if (const json::object* assign = find_object(state, "Assign")) {
    for (const auto& member : *assign) {
      std::string name(member.key());
      if (name.ends_with(".$")) name.resize(name.size() - 2);
      names.insert(std::move(name));
    }
  }
  for (const auto* list : {"Catch", "Choices"}) {
    const json::array* entries = find_array(state, list);
    if (!entries) continue;
    for (const json::value& entry : *entries) {
      if (entry.is_object()) collect_assigned(entry.get_object(), names);
    }
  }
}

bool is_name_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return c == '_' || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z') || byte >= 0x80;
}

// The `$name`s of a path, an intrinsic call or a JSONata expression that name a variable.
void scan(std::string_view text, const Names& assigned, Names& found) {
  char quote = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == '\\')
        ++at;
      else if (c == quote)
        quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '$') {
      std::size_t end = at + 1;
      if (end < text.size() && text[end] == '$') ++end;  // The context object.
      const std::size_t begin = end;
      while (end < text.size() && is_name_char(text[end])) ++end;
      const std::string_view name = text.substr(begin, end - begin);
      if (begin == at + 1 && assigned.contains(name)) found.emplace(name);
      at = end - 1;
    }
  }
}

bool is_template(std::string_view field) {
  return field == "Parameters" || field == "ResultSelector" || field == "ItemSelector" ||
         field == "Assign" || field == "Arguments" || field == "Output" || field == "Result" ||
         field == "Credentials" || field == "BatchInput";
}

bool is_expression(std::string_view field, std::string_view text, bool in_template) {
  if (text.starts_with("{%") || field.ends_with(".$")) return true;
  return !in_template && (field.ends_with("Path") || field == "Variable");
}

void collect_read(const json::value& value, std::string_view field, bool in_template,
                  const Names& assigned, Names& found) {
  if (const json::string* text = value.if_string()) {
    if (is_expression(field, *text, in_template)) scan(*text, assigned, found);
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array)
      collect_read(element, field, in_template, assigned, found);
  } else if (const json::object* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      if (!in_template && (key == "ItemProcessor" || key == "Iterator" || key == "Branches"))
        continue;
      collect_read(member, key, in_template || is_template(key), assigned, found);
    }
  }
}

}  // namespace

json::object variable_references(std::string_view definition) {
  const auto machine = parse_json(definition);
  if (!machine || !machine->is_object()) return {};
  Names assigned;
  each_state(machine->get_object(), [&](std::string_view, const json::object& state) {
    collect_assigned(state, assigned);
  });
  json::object out;
  each_state(machine->get_object(), [&](std::string_view name, const json::object& state) {
    Names found;
    collect_read(state, {}, false, assigned, found);
    if (!found.empty()) out[name] = json::array(found.begin(), found.end());
  });
  return out;
}

}  // namespace kiban::services::states
