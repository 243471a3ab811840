#include "services/ssm/rows.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiban::services::ssm {
namespace {

std::string history_prefix(const Context& context, std::string_view name) {
  return fmt::format("ssm/{}/history/{}:", context.caller().region, name);
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 10 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The version that a selector names, without its colon.
Result<json::object> select_version(const Context& context, const std::string& name,
                                    const std::string& selector) {
  const bool by_number = is_number(selector);
  for (Version& each : versions(context, name)) {
    const json::array labels = labels_of(each.row);
    const bool found = by_number ? std::to_string(number(each.row, "Version", 0)) == selector
                                 : std::ranges::find(labels, json::value(selector)) != labels.end();
    if (found) return std::move(each.row);
  }
  return fail(
      "ParameterVersionNotFound",
      fmt::format("Systems Manager could not find {} {} {} {}. Verify the {} and try again.",
                  by_number ? "version" : "label", selector, by_number ? "of" : "for parameter",
                  name, by_number ? "version" : "label"));
}

}  // namespace

std::string parameter_key(const Context& context, std::string_view name) {
  return fmt::format("ssm/{}/parameter/{}", context.caller().region, name);
}

std::string history_key(const Context& context, std::string_view name, std::int64_t version) {
  return fmt::format("{}{:010}", history_prefix(context, name), version);
}

std::string arn_of(const Context& context, std::string_view name) {
  return make_arn(context, "ssm",
                  fmt::format("parameter{}{}", name.starts_with('/') ? "" : "/", name));
}

std::string name_of(std::string_view name) {
  if (!name.starts_with("arn:")) return std::string(name);
  const std::size_t mark = name.find(":parameter/");
  if (mark == std::string_view::npos) return std::string(name);
  const std::string_view path = name.substr(mark + std::string_view(":parameter").size());
  // arn:…:parameter/a is "a", arn:…:parameter/a/b is "/a/b".
  return std::string(path.find('/', 1) == std::string_view::npos ? path.substr(1) : path);
}

std::optional<json::object> latest(const Context& context, std::string_view name) {
  return get_json(context, parameter_key(context, name));
}

Result<Selected> select(const Context& context, std::string_view given) {
  Selected out{.name = name_of(given)};
  auto row = latest(context, out.name);
  // A parameter /a that was asked for by its ARN.
  if (!row && given.starts_with("arn:") && !out.name.starts_with('/')) {
    row = latest(context, "/" + out.name);
    if (row) out.name.insert(0, "/");
  }
  const std::size_t colon = out.name.rfind(':');
  if (!row && colon != std::string::npos) {
    out.selector = out.name.substr(colon);
    out.name.resize(colon);
    row = latest(context, out.name);
  }
  if (!row) return fail("ParameterNotFound", fmt::format("Parameter {} not found.", given));
  if (out.selector.empty()) {
    out.row = *std::move(row);
    return out;
  }
  KIBAN_TRY(out.row, select_version(context, out.name, out.selector.substr(1)));
  return out;
}

std::vector<Selected> all(const Context& context) {
  std::vector<Selected> out;
  const std::string prefix = parameter_key(context, "");
  for (const store::Row& row : context.scan(prefix))
    out.push_back({.name = row.key.substr(prefix.size()), .row = object_of(row.key, row.value)});
  return out;
}

std::vector<Version> versions(const Context& context, std::string_view name) {
  std::vector<Version> out;
  for (const store::Row& row : context.scan(history_prefix(context, name)))
    out.push_back({.key = row.key, .row = object_of(row.key, row.value)});
  // Data of a server that kept no history.
  if (out.empty()) {
    if (auto only = latest(context, name)) {
      only->erase("Tags");
      out.push_back({.key = history_key(context, name, number(*only, "Version", 1)),
                     .row = *std::move(only)});
    }
  }
  return out;
}

json::array labels_of(const json::object& version) {
  const json::array* labels = find_array(version, "Labels");
  return labels ? *labels : json::array{};
}

void erase_parameter(Context& context, std::string_view name) {
  for (const Version& each : versions(context, name)) context.erase(each.key);
  context.erase(parameter_key(context, name));
}

std::string shown_value(const json::object& version, bool decrypt) {
  if (text(version, "Type") == "SecureString" && !decrypt)
    return fmt::format("kiban-encrypted-{}", number(version, "Version", 1));
  return text(version, "Value");
}

json::object described(const Context& context, const Selected& selected, bool decrypt) {
  const json::object& row = selected.row;
  json::object out{{"Name", selected.name},
                   {"Type", row.at("Type")},
                   {"Value", shown_value(row, decrypt)},
                   {"Version", row.at("Version")},
                   {"LastModifiedDate", row.at("LastModifiedDate")},
                   {"ARN", arn_of(context, selected.name)},
                   {"DataType", text(row, "DataType", "text")}};
  if (!selected.selector.empty()) out["Selector"] = selected.selector;
  return out;
}

Result<json::object> page_of(const json::array& entries, std::string_view member,
                             const json::object& input, std::int64_t limit) {
  const auto size = static_cast<std::size_t>(number(input, "MaxResults", limit));
  auto page = paginate(entries, size, find_string(input, "NextToken"));
  if (!page) return fail("InvalidNextToken", page.error().cause);
  json::object out{{member, page->entries}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

}  // namespace kiban::services::ssm
