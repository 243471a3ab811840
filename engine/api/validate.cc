#include "api/validate.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "api/codec.h"
#include "api/values.h"
#include "core/letters.h"

namespace kiban::api {
namespace {

constexpr std::size_t shown_value_bytes_max = 1'024;  // Ours: an error repeats no megabytes.
constexpr std::size_t faults_max = 100;  // Ours: a list of a million wrong entries costs no more.
constexpr std::uint32_t regex_steps_max = 200'000;

// How a service words its complaints. Most run on one framework and say "1 validation error
// detected: …" (recorded by AWS for Step Functions and DynamoDB); others name a missing parameter.
struct Style {
  std::string_view folder{};
  std::string_view name{};          // Of every constraint.
  std::string_view missing_name{};  // Empty: like any other constraint.
  bool constraints{true};           // False: the service checks the model's constraints itself.
  std::string_view text{};          // Of a constraint, as in a Rule; empty: the framework's.
};
// "Common errors" and the operations' pages of each service's API reference.
constexpr Style styles[] = {
    {"ec2", "InvalidParameterValue", "MissingParameter", true,
     "Value ({value}) for parameter {member} is invalid."},
    {"ecr", "InvalidParameterException", "", true},
    {"ecs", "InvalidParameterException", "", true},
    {"logs", "InvalidParameterException", "", true},
    {"rds", "InvalidParameterValue", "MissingParameter", true,
     "Invalid value '{value}' for parameter {member}."},
    {"s3", "InvalidArgument", "InvalidRequest", false},
    {"sns", "InvalidParameter", "", true},
    {"sqs", "InvalidParameterValue", "MissingParameter", false},
};

Style style_of(const Service& service) {
  const auto found = std::ranges::find(styles, service.folder, &Style::folder);
  if (found != std::end(styles)) return *found;
  const bool query = service.protocol == Protocol::Query;
  return {.name = query ? "ValidationError" : "ValidationException"};
}

constexpr std::string_view java_print = "\\p{Print}";  // Of ASCII; PCRE2 knows no such property.

// Java's \uXXXX, surrogate pairs included, and \p{Print}, as PCRE2 writes them.
std::string translate_pattern(std::string_view pattern) {
  const auto unit = [&](std::size_t at) -> long {
    if (at + 6 > pattern.size() || pattern.substr(at, 2) != "\\u") return -1;
    long value = 0;
    for (const char c : pattern.substr(at + 2, 4)) {
      const char low = lower_case(c);
      if (low >= '0' && low <= '9') {
        value = value * 16 + (low - '0');
      } else if (low >= 'a' && low <= 'f') {
        value = value * 16 + (low - 'a' + 10);
      } else {
        return -1;
      }
    }
    return value;
  };
  std::string out;
  for (std::size_t i = 0; i < pattern.size();) {
    const long high = unit(i);
    const long low = high >= 0xd800 && high < 0xdc00 ? unit(i + 6) : -1;
    if (low >= 0xdc00 && low < 0xe000) {
      out += fmt::format("\\x{{{:x}}}", 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00));
      i += 12;
    } else if (high >= 0) {
      out += fmt::format("\\x{{{:x}}}", high);
      i += 6;
    } else if (pattern.substr(i).starts_with(java_print)) {
      out += "[\\x20-\\x7e]";
      i += java_print.size();
    } else {
      const std::size_t size = pattern[i] == '\\' && i + 1 < pattern.size() ? 2 : 1;
      out += pattern.substr(i, size);
      i += size;
    }
  }
  return out;
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

// Compiled once for each thread; the tables have a few dozen patterns. nullptr: not one for PCRE2,
// and then it isn't checked.
const pcre2_code* compiled(std::string_view pattern) {
  thread_local std::map<std::string_view, std::unique_ptr<pcre2_code, FreeCode>> cache;
  const auto found = cache.find(pattern);
  if (found != cache.end()) return found->second.get();
  const std::string text = translate_pattern(pattern);
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                    PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED, &error, &offset, nullptr);
  return cache.emplace(pattern, code).first->second.get();
}

}  // namespace

bool is_pattern(std::string_view pattern) { return compiled(pattern) != nullptr; }

bool matches(std::string_view pattern, std::string_view text) {
  const pcre2_code* code = compiled(pattern);
  if (!code) return true;
  thread_local const std::unique_ptr<pcre2_match_data, FreeMatch> data{
      pcre2_match_data_create(1, nullptr)};
  thread_local const std::unique_ptr<pcre2_match_context, FreeContext> context{[] {
    pcre2_match_context* limits = pcre2_match_context_create(nullptr);
    pcre2_set_match_limit(limits, regex_steps_max);
    return limits;
  }()};
  return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0, data.get(),
                     context.get()) >= 0;
}

std::int64_t utf16_length(std::string_view text) {
  std::int64_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) ++units;
    if (byte >= 0xf0) ++units;
  }
  return units;
}

namespace {

// As Java's toString would print it: [Item(name=x, weight=50), …].
class JavaPrinter {
 public:
  explicit JavaPrinter(const Service& service) : service_(service) {}

  std::string print(const Shape& shape, const json::value& value) const {
    std::string out;
    append(out, shape, value);
    if (out.size() > shown_value_bytes_max) {
      out.resize(shown_value_bytes_max);
      while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80) != 0) out.pop_back();
      out += "…";
    }
    return out;
  }

 private:
  void append(std::string& out, const Shape& shape, const json::value& value) const {
    if (out.size() > shown_value_bytes_max) return;
    if (shape.kind == Kind::List && value.is_array()) {
      append_list(out, shape, value.get_array());
    } else if (shape.kind == Kind::Structure && value.is_object()) {
      append_structure(out, shape, value.get_object());
    } else if (shape.kind == Kind::Map && value.is_object()) {
      append_map(out, shape, value.get_object());
    } else if (shape.sensitive) {
      out += "***";
    } else {
      out += value.is_string() ? to_string(value.get_string()) : print_json(value);
    }
  }

  void append_list(std::string& out, const Shape& shape, const json::array& entries) const {
    out += '[';
    bool first = true;
    for (const json::value& entry : entries) {
      if (!first) out += ", ";
      first = false;
      append(out, service_.shape(service_.members_of(shape)[0]), entry);
    }
    out += ']';
  }

  void append_structure(std::string& out, const Shape& shape, const json::object& object) const {
    out += shape.name;
    out += '(';
    bool first = true;
    for (const Member& member : service_.members_of(shape)) {
      const json::value* found = object.if_contains(member.name);
      if (!found) continue;
      out += fmt::format("{}{}=", first ? "" : ", ", member.name);
      first = false;
      append(out, service_.shape(member), *found);
    }
    out += ')';
  }

  void append_map(std::string& out, const Shape& shape, const json::object& object) const {
    out += '{';
    bool first = true;
    for (const auto& [key, entry] : object) {
      out += fmt::format("{}{}=", first ? "" : ", ", std::string_view(key));
      first = false;
      append(out, service_.shape(service_.members_of(shape)[1]), entry);
    }
    out += '}';
  }

  const Service& service_;
};

class Checker {
 public:
  Checker(const Service& service, const Style& style, SystemTags system_tags)
      : service_(service), style_(style), system_tags_(system_tags) {}

  void structure(const Shape& shape, const json::object& object, const std::string& path) {
    for (const Member& member : service_.members_of(shape)) {
      const json::value* found = object.if_contains(member.name);
      // Bulk bytes are put in after this check, and tokens are made up by clients' libraries.
      if (!found && member.required && !member.streaming && !member.idempotency_token) {
        missing(member, path);
      }
      if (!found) continue;
      check_member(member, *found, join(path, member.name));
      for (const Rule& rule : service_.rules_of(member)) {
        if (has_any(object, rule.excludes))
          refuse(rule.error.empty() ? style_.name : rule.error, rule.text, service_.shape(member),
                 *found, join(path, member.name));
      }
    }
    if (shape.tagged_union && object.size() != 1)
      fault(&shape, object, path, "Member must have exactly one member set");
  }

  void check_member(const Member& member, const json::value& value, const std::string& path) {
    const Shape& shape = service_.shape(member);
    check(shape, value, path);
    for (const Rule& rule : service_.rules_of(member)) check_rule(rule, member, value, path);
  }

  Result<void> result() && {
    if (missing_parameter_) return fail(std::string(style_.missing_name), *missing_parameter_);
    if (faults_.empty()) {
      if (refusal_) return std::unexpected(*refusal_);
      return {};
    }
    return fail(std::string(style_.name),
                fmt::format("{} validation error{} detected: {}", faults_.size(),
                            faults_.size() == 1 ? "" : "s", fmt::join(faults_, "; ")));
  }

 private:
  // Members are named in lower camel case, also where the model's case differs: 'tableName'
  // (recorded).
  static std::string join(const std::string& path, std::string_view name) {
    std::string out = path.empty() ? std::string() : path + '.';
    out += name;
    char& first = out[out.size() - name.size()];
    first = lower_case(first);
    return out;
  }

  void missing(const Member& member, const std::string& path) {
    if (style_.missing_name.empty()) {
      fault(nullptr, {}, join(path, member.name), "Member must not be null");
    } else if (!missing_parameter_) {
      missing_parameter_ = fmt::format("The request must contain the parameter {}{}{}", path,
                                       path.empty() ? "" : ".", member.name);
    }
  }

  void fault(const Shape* shape, const json::value& value, const std::string& path,
             const std::string& constraint) {
    if (shape && !style_.text.empty()) return refuse(style_.name, style_.text, *shape, value, path);
    if (constraints_only_) {
      faults_.push_back(constraint);
      return;
    }
    if (faults_.size() >= faults_max) return;
    std::string shown = " null";
    if (shape && shape->sensitive) {
      shown = {};
    } else if (shape) {
      shown = fmt::format(" '{}'", JavaPrinter(service_).print(*shape, value));
    }
    faults_.push_back(
        fmt::format("Value{} at '{}' failed to satisfy constraint: {}", shown, path, constraint));
  }

  // A rule with a text of its own is the service's own check, which AWS makes after the model's.
  void check_rule(const Rule& rule, const Member& member, const json::value& value,
                  const std::string& path) {
    const Shape& shape = service_.shape(member);
    if (rule.text.empty()) return check_limits(rule, shape, value, path);
    if (satisfies(rule, shape, value)) return;
    refuse(rule.error.empty() ? style_.name : rule.error, rule.text, shape, value, path);
  }

  void refuse(std::string_view name, std::string_view form, const Shape& shape,
              const json::value& value, const std::string& path) {
    if (refusal_) return;
    std::string text(form);
    const auto replace = [&text](std::string_view placeholder, std::string_view with) {
      const std::size_t at = text.find(placeholder);
      if (at != std::string::npos) text.replace(at, placeholder.size(), with);
    };
    // {value} last: its text may look like a placeholder.
    replace("{member}", path);
    replace("{value}", JavaPrinter(service_).print(shape, value));
    refusal_ = Error{std::string(name), std::move(text)};
  }

  static bool has_any(const json::object& object, std::string_view names) {
    while (!names.empty()) {
      const std::size_t end = std::min(names.find('&'), names.size());
      if (object.contains(names.substr(0, end))) return true;
      names.remove_prefix(std::min(end + 1, names.size()));
    }
    return false;
  }

  bool is_system_tag(std::string_view text) const {
    return system_tags_ == SystemTags::Allowed &&
           std::ranges::find(system_tag_keys, text) != std::end(system_tag_keys);
  }

  bool satisfies(const Rule& rule, const Shape& shape, const json::value& value) const {
    if (value.is_string()) {
      const std::string_view text = value.get_string();
      if (!rule.pattern.empty() && !matches(rule.pattern, text)) return false;
      if (!rule.forbidden.empty() && matches(rule.forbidden, text) && !is_system_tag(text))
        return false;
    }
    if (rule.min == no_bound && rule.max == no_bound) return true;
    const auto size = value.is_number() ? std::optional(number_of(value)) : length_of(shape, value);
    if (!size) return true;
    return (rule.min == no_bound || *size >= static_cast<double>(rule.min)) &&
           (rule.max == no_bound || *size <= static_cast<double>(rule.max));
  }

  void check(const Shape& shape, const json::value& value, const std::string& path) {
    if (style_.constraints) {
      check_limits(shape, shape, value, path);
      if (shape.value_count > 0 && value.is_string()) check_value_set(shape, value, path);
    }
    if (shape.kind == Kind::Structure && value.is_object()) {
      structure(shape, value.get_object(), path);
    } else if (shape.kind == Kind::List && value.is_array()) {
      const Member& element = service_.members_of(shape)[0];
      std::size_t position = 0;
      for (const json::value& entry : value.get_array()) {
        check_member(element, entry, fmt::format("{}.{}.member", path, ++position));
      }
    } else if (shape.kind == Kind::Map && value.is_object()) {
      const Member& element = service_.members_of(shape)[1];
      for (const auto& [key, entry] : value.get_object()) {
        check_key(shape, value, key, path);
        check_member(element, entry, fmt::format("{}.{}.member", path, std::string_view(key)));
      }
    }
  }

  // "Value '{…}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: [Member
  // must have length less than or equal to 128]".
  void check_key(const Shape& map, const json::value& whole, std::string_view name,
                 const std::string& path) {
    Checker keys(service_, style_, system_tags_);
    keys.constraints_only_ = true;
    keys.check_member(service_.members_of(map)[0], json::value(name), path);
    if (!refusal_) refusal_ = std::move(keys.refusal_);
    if (keys.faults_.empty()) return;
    fault(&map, whole, path,
          fmt::format("Map keys must satisfy constraint: [{}]", fmt::join(keys.faults_, ", ")));
  }

  // Of a shape of the model, or of a rule.
  template <typename Limits>
  void check_limits(const Limits& limits, const Shape& shape, const json::value& value,
                    const std::string& path) {
    if (!limits.pattern.empty() && value.is_string() &&
        !matches(limits.pattern, value.get_string())) {
      fault(&shape, value, path,
            fmt::format("Member must satisfy regular expression pattern: {}", limits.pattern));
    }
    if (limits.min == no_bound && limits.max == no_bound) return;
    const std::string_view what = value.is_number() ? "value" : "length";
    const auto size = value.is_number() ? std::optional(number_of(value)) : length_of(shape, value);
    if (!size) return;
    if (limits.min != no_bound && *size < static_cast<double>(limits.min)) {
      fault(&shape, value, path,
            fmt::format("Member must have {} greater than or equal to {}", what, limits.min));
    }
    if (limits.max != no_bound && *size > static_cast<double>(limits.max)) {
      fault(&shape, value, path,
            fmt::format("Member must have {} less than or equal to {}", what, limits.max));
    }
  }

  void check_value_set(const Shape& shape, const json::value& value, const std::string& path) {
    const std::string_view text = value.get_string();
    const auto allowed = service_.values_of(shape);
    if (std::ranges::find(allowed, text) != allowed.end()) return;
    fault(&shape, value, path,
          fmt::format("Member must satisfy enum value set: [{}]", fmt::join(allowed, ", ")));
  }

  static std::optional<double> length_of(const Shape& shape, const json::value& value) {
    if (shape.kind == Kind::Blob && value.is_string()) {
      const auto bytes = decode_base64(value.get_string());
      return bytes ? static_cast<double>(bytes->size()) : 0;
    }
    if (value.is_string()) return static_cast<double>(utf16_length(value.get_string()));
    if (value.is_array()) return static_cast<double>(value.get_array().size());
    if (value.is_object()) return static_cast<double>(value.get_object().size());
    return std::nullopt;
  }

  const Service& service_;
  const Style& style_;
  SystemTags system_tags_;
  std::vector<std::string> faults_;
  std::optional<std::string> missing_parameter_;
  std::optional<Error> refusal_;  // Of the first rule with an error of its own that is violated.
  bool constraints_only_{false};  // faults_ without "Value '…' at '…' failed to satisfy".
};

}  // namespace

Result<void> validate(const Service& service, const Operation& operation, const json::object& input,
                      SystemTags system_tags) {
  if (operation.input == no_shape) return {};
  const Style style = style_of(service);
  Checker checker(service, style, system_tags);
  checker.structure(service.shape(operation.input), input, {});
  return std::move(checker).result();
}

Result<void> validate(const Service& service, const Member& member, const json::value& value,
                      const std::string& path) {
  const Style style = style_of(service);
  Checker checker(service, style, SystemTags::Refused);
  checker.check_member(member, value, path);
  return std::move(checker).result();
}

}  // namespace kiban::api
