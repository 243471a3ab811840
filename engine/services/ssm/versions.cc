#include <fmt/format.h>

#include <algorithm>

#include "core/letters.h"
#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

constexpr std::size_t labels_max = 10;  // Of a version.

Result<json::object> get_history(Context& context, const json::object& input) {
  const std::string name = name_of(text(input, "Name"));
  if (!latest(context, name))
    return fail("ParameterNotFound", fmt::format("Parameter {} not found.", name));
  json::array entries;
  for (const Version& version : versions(context, name)) {
    json::object entry = version.row;
    entry["Name"] = name;
    entry["Value"] = shown_value(version.row, flag(input, "WithDecryption"));
    entry["Labels"] = labels_of(version.row);
    entry["Policies"] = json::array{};
    entries.push_back(std::move(entry));
  }
  return page_of(entries, "Parameters", input, 50);
}

// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-labels.html
bool is_label(std::string_view label) {
  const bool characters = std::ranges::all_of(label, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
  const std::string begin = lower_case(label.substr(0, 3));
  const bool digit = !label.empty() && label.front() >= '0' && label.front() <= '9';
  return characters && !digit && begin != "aws" && begin != "ssm";
}

std::unexpected<Error> no_version(std::string_view name, std::int64_t version) {
  return fail("ParameterVersionNotFound",
              fmt::format("Systems Manager could not find version {} of {}. Verify the version and "
                          "try again.",
                          version, name));
}

Result<json::object> label_version(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  const auto last = latest(context, name);
  if (!last) return fail("ParameterNotFound", fmt::format("Parameter {} not found.", name));
  const std::int64_t wanted = number(input, "ParameterVersion", number(*last, "Version", 1));
  std::vector<Version> kept = versions(context, name);
  const auto target = std::ranges::find_if(
      kept, [&](const Version& each) { return number(each.row, "Version", 0) == wanted; });
  if (target == kept.end()) return no_version(name, wanted);
  json::array invalid;
  json::array labels = labels_of(target->row);
  for (const json::value& label : input.at("Labels").as_array()) {
    if (!is_label(label.as_string()))
      invalid.push_back(label);
    else if (std::ranges::find(labels, label) == labels.end())
      labels.push_back(label);
  }
  if (labels.size() > labels_max)
    return fail("ParameterVersionLabelLimitExceeded",
                "A parameter version can have maximum 10 labels. "
                "Move one or more labels to another version and try again.");
  for (Version& each : kept) {
    json::array rest;
    for (const json::value& label : labels_of(each.row))
      if (std::ranges::find(labels, label) == labels.end()) rest.push_back(label);
    each.row["Labels"] = &each == &*target ? labels : std::move(rest);
    put_json(context, each.key, each.row);
  }
  return json::object{{"InvalidLabels", std::move(invalid)}, {"ParameterVersion", wanted}};
}

Result<json::object> unlabel_version(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (!latest(context, name))
    return fail("ParameterNotFound", fmt::format("Parameter {} not found.", name));
  const std::int64_t wanted = number(input, "ParameterVersion", 0);
  for (Version& each : versions(context, name)) {
    if (number(each.row, "Version", 0) != wanted) continue;
    json::array labels = labels_of(each.row);
    json::array removed;
    json::array invalid;
    for (const json::value& label : input.at("Labels").as_array()) {
      const auto found = std::ranges::find(labels, label);
      (found == labels.end() ? invalid : removed).push_back(label);
      if (found != labels.end()) labels.erase(found);
    }
    each.row["Labels"] = std::move(labels);
    put_json(context, each.key, each.row);
    return json::object{{"RemovedLabels", std::move(removed)},
                        {"InvalidLabels", std::move(invalid)}};
  }
  return no_version(name, wanted);
}

}  // namespace

OperationTable version_operations() {
  return {{"GetParameterHistory", get_history},
          {"LabelParameterVersion", label_version},
          {"UnlabelParameterVersion", unlabel_version}};
}

}  // namespace kiban::services::ssm
