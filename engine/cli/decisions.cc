#include "cli/decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "api/codec.h"
#include "cfn/template.h"
#include "cli/table.h"

namespace kiban::cli {

namespace report = iam::report;

namespace {

constexpr std::string_view policies_of_aws = "arn:aws:iam::aws:policy/";

Result<json::object> parse_document(const std::string& encoded) {
  KIBAN_TRY(const std::string text, api::decode_uri(encoded));
  KIBAN_TRY(const json::value document, parse_json(text));
  if (!document.is_object()) return fail("BadReply", "a policy is not a JSON object");
  return document.get_object();
}

Result<report::PolicyText> fetch_managed(const Client& client, const std::string& arn) {
  report::PolicyText policy{
      .ref = arn, .managed = true, .of_aws = arn.starts_with(policies_of_aws)};
  const auto found = client.ask("iam", "GetPolicy", {{"PolicyArn", arn}});
  if (!found && policy.of_aws) return policy;
  if (!found) return std::unexpected(found.error());
  const std::string version = text(found->at("Policy").as_object(), "DefaultVersionId");
  KIBAN_TRY(const json::object reply,
            client.ask("iam", "GetPolicyVersion", {{"PolicyArn", arn}, {"VersionId", version}}));
  KIBAN_TRY(policy.document,
            parse_document(text(reply.at("PolicyVersion").as_object(), "Document")));
  return policy;
}

Result<json::object> fetch_template(const Client& client, const std::string& stack) {
  KIBAN_TRY(const json::object reply,
            client.ask("cloudformation", "GetTemplate", {{"StackName", stack}}));
  return cfn::parse_template(text(reply, "TemplateBody"));
}

std::string path_in(const json::object& tree, const std::string& logical_id) {
  const json::object* resources = find_object(tree, "Resources");
  const json::object* resource =
      resources == nullptr ? nullptr : find_object(*resources, logical_id);
  const json::object* metadata = resource == nullptr ? nullptr : find_object(*resource, "Metadata");
  return metadata == nullptr ? "" : text(*metadata, "aws:cdk:path");
}

Result<void> add_stack(const Client& client, const std::string& name, Stacks& to) {
  if (auto tree = fetch_template(client, name)) to.templates[name] = *std::move(tree);
  KIBAN_TRY(
      const json::array all,
      client.ask_all(
          "cloudformation", "ListStackResources", {{"StackName", name}},
          {.member = "StackResourceSummaries", .token_in = "NextToken", .token_out = "NextToken"}));
  for (const json::value& each : all) {
    const json::object& resource = each.as_object();
    // Such as those of a stack that was rolled back.
    if (text(resource, "ResourceStatus") == "DELETE_COMPLETE") continue;
    const std::string id = text(resource, "LogicalResourceId");
    to.resources.add({.stack = name,
                      .logical_id = id,
                      .type = text(resource, "ResourceType"),
                      .physical_id = text(resource, "PhysicalResourceId"),
                      .path = path_in(to.templates[name], id)});
  }
  return {};
}

// As many as the server answers at once.
Result<std::vector<report::Record>> fetch_page(const Client& client, const DecisionFilter& filter,
                                               const std::string& after,
                                               std::chrono::seconds follow) {
  std::string path = "/_kiban/decisions";
  const auto add = [&path](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    path += fmt::format("{}{}={}", path.find('?') == std::string::npos ? '?' : '&', name,
                        api::encode_uri(value));
  };
  add("after", after);
  add("denied", filter.denied ? "true" : "");
  add("role", filter.role);
  add("follow", follow.count() > 0 ? std::to_string(follow.count()) : "");
  KIBAN_TRY(const std::string lines, client.get_own_text(path, follow + std::chrono::seconds{30}));
  return report::parse_records(lines);
}

}  // namespace

Result<std::vector<report::Record>> fetch_decisions(const Client& client,
                                                    const DecisionFilter& filter) {
  std::vector<report::Record> all;
  std::string after = filter.after;
  for (;;) {
    KIBAN_TRY(
        std::vector<report::Record> page,
        fetch_page(client, filter, after, all.empty() ? filter.follow : std::chrono::seconds{0}));
    if (page.empty()) return all;
    after = page.back().id;
    std::ranges::move(page, std::back_inserter(all));
    if (filter.follow.count() > 0) return all;
  }
}

Result<report::RolePolicies> fetch_role(const Client& client, const std::string& name) {
  KIBAN_TRY(const json::object reply, client.ask("iam", "GetRole", {{"RoleName", name}}));
  report::RolePolicies role{.arn = text(reply.at("Role").as_object(), "Arn"), .name = name};
  KIBAN_TRY(
      const json::array inline_names,
      client.ask_all("iam", "ListRolePolicies", {{"RoleName", name}}, {.member = "PolicyNames"}));
  for (const json::value& each : inline_names) {
    const std::string policy = to_string(each.as_string());
    KIBAN_TRY(const json::object found,
              client.ask("iam", "GetRolePolicy", {{"RoleName", name}, {"PolicyName", policy}}));
    KIBAN_TRY(json::object document, parse_document(text(found, "PolicyDocument")));
    role.policies.push_back(
        {.ref = fmt::format("{}/policy/{}", role.arn, policy), .document = std::move(document)});
  }
  KIBAN_TRY(const json::array attached,
            client.ask_all("iam", "ListAttachedRolePolicies", {{"RoleName", name}},
                           {.member = "AttachedPolicies"}));
  for (const json::value& each : attached) {
    KIBAN_TRY(report::PolicyText policy,
              fetch_managed(client, text(each.as_object(), "PolicyArn")));
    role.policies.push_back(std::move(policy));
  }
  return role;
}

Result<Stacks> fetch_stacks(const Client& client) {
  KIBAN_TRY(
      const json::array all,
      client.ask_all("cloudformation", "DescribeStacks", {},
                     {.member = "Stacks", .token_in = "NextToken", .token_out = "NextToken"}));
  Stacks stacks;
  for (const json::value& each : all)
    KIBAN_TRY_VOID(add_stack(client, text(each.as_object(), "StackName"), stacks));
  return stacks;
}

std::string short_name(const std::string& arn) {
  if (!arn.starts_with("arn:")) return arn;
  return arn.substr(arn.find_last_of("/:") + 1);
}

}  // namespace kiban::cli
