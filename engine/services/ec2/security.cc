// Security groups. A rule is a record of its own; a group's IpPermissions are made of them. Nothing
// enforces them.
#include <algorithm>
#include <array>

#include "core/letters.h"
#include "services/ec2/cidr.h"
#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array group_filters = {
    Filter{"egress.ip-permission.group-name", "IpPermissionsEgress.UserIdGroupPairs.GroupName"},
    Filter{"egress.ip-permission.ipv6-cidr", "IpPermissionsEgress.Ipv6Ranges.CidrIpv6"},
    Filter{"egress.ip-permission.prefix-list-id", "IpPermissionsEgress.PrefixListIds.PrefixListId"},
    Filter{"egress.ip-permission.user-id", "IpPermissionsEgress.UserIdGroupPairs.UserId"},
    Filter{"ip-permission.group-name", "IpPermissions.UserIdGroupPairs.GroupName"},
    Filter{"ip-permission.ipv6-cidr", "IpPermissions.Ipv6Ranges.CidrIpv6"},
    Filter{"ip-permission.prefix-list-id", "IpPermissions.PrefixListIds.PrefixListId"},
    Filter{"ip-permission.user-id", "IpPermissions.UserIdGroupPairs.UserId"},
    Filter{"description", "Description"},
    Filter{"egress.ip-permission.cidr", "IpPermissionsEgress.IpRanges.CidrIp"},
    Filter{"egress.ip-permission.from-port", "IpPermissionsEgress.FromPort"},
    Filter{"egress.ip-permission.group-id", "IpPermissionsEgress.UserIdGroupPairs.GroupId"},
    Filter{"egress.ip-permission.protocol", "IpPermissionsEgress.IpProtocol"},
    Filter{"egress.ip-permission.to-port", "IpPermissionsEgress.ToPort"},
    Filter{"group-id", "GroupId"},
    Filter{"group-name", "GroupName"},
    Filter{"ip-permission.cidr", "IpPermissions.IpRanges.CidrIp"},
    Filter{"ip-permission.from-port", "IpPermissions.FromPort"},
    Filter{"ip-permission.group-id", "IpPermissions.UserIdGroupPairs.GroupId"},
    Filter{"ip-permission.protocol", "IpPermissions.IpProtocol"},
    Filter{"ip-permission.to-port", "IpPermissions.ToPort"},
    Filter{"owner-id", "OwnerId"},
    Filter{"vpc-id", "VpcId"}};
constexpr std::array rule_filters = {Filter{"group-id", "GroupId"},
                                     Filter{"security-group-rule-id", "SecurityGroupRuleId"}};

// Rules to permissions ----------------------------------------------------------------------------

bool is_egress(const json::object& rule) { return flag(rule, "IsEgress"); }

json::object described(const json::object& rule, json::object out) {
  if (rule.contains("Description")) out["Description"] = rule.at("Description");
  return out;
}

// Rules of one protocol and port range are one permission.
json::array permissions_of(const std::vector<json::object>& rules, bool egress) {
  json::array out;
  for (const json::object& rule : rules) {
    if (is_egress(rule) != egress) continue;
    const bool every_port = text(rule, "IpProtocol") == "-1";
    auto same = std::ranges::find_if(out, [&](const json::value& one) {
      const json::object& permission = one.as_object();
      return permission.at("IpProtocol") == rule.at("IpProtocol") &&
             (every_port || (permission.at("FromPort") == rule.at("FromPort") &&
                             permission.at("ToPort") == rule.at("ToPort")));
    });
    if (same == out.end()) {
      json::object permission{{"IpProtocol", rule.at("IpProtocol")},
                              {"IpRanges", json::array{}},
                              {"Ipv6Ranges", json::array{}},
                              {"PrefixListIds", json::array{}},
                              {"UserIdGroupPairs", json::array{}}};
      if (!every_port) {
        permission["FromPort"] = rule.at("FromPort");
        permission["ToPort"] = rule.at("ToPort");
      }
      out.push_back(std::move(permission));
      same = out.end() - 1;
    }
    json::object& permission = same->as_object();
    if (rule.contains("CidrIpv4")) {
      permission["IpRanges"].as_array().push_back(
          described(rule, {{"CidrIp", rule.at("CidrIpv4")}}));
    } else if (rule.contains("CidrIpv6")) {
      permission["Ipv6Ranges"].as_array().push_back(
          described(rule, {{"CidrIpv6", rule.at("CidrIpv6")}}));
    } else {
      const json::object& referenced = rule.at("ReferencedGroupInfo").as_object();
      permission["UserIdGroupPairs"].as_array().push_back(described(
          rule, {{"GroupId", referenced.at("GroupId")}, {"UserId", referenced.at("UserId")}}));
    }
  }
  return out;
}

std::vector<json::object> rules_of(const Context& context, std::string_view group_id) {
  return having(context, kinds::security_group_rule, "GroupId", group_id);
}

json::object shown_group(const Context& context, json::object row) {
  const std::vector<json::object> rules = rules_of(context, text(row, "GroupId"));
  row["IpPermissions"] = permissions_of(rules, false);
  row["IpPermissionsEgress"] = permissions_of(rules, true);
  return row;
}

// Permissions to rules ----------------------------------------------------------------------------

// Numbers of protocols that have names. docs.aws.amazon.com/AWSEC2/latest/APIReference
// /API_IpPermission.html
std::string protocol_of(const json::object& permission) {
  std::string given = text(permission, "IpProtocol", "-1");
  if (given == "1") return "icmp";
  if (given == "6") return "tcp";
  if (given == "17") return "udp";
  if (given == "58") return "icmpv6";
  return given;
}

// -1, a name, or a number of IANA's list.
bool is_protocol(std::string_view protocol) {
  if (protocol == "-1" || protocol == "tcp" || protocol == "udp" || protocol == "icmp" ||
      protocol == "icmpv6")
    return true;
  const bool digits = !protocol.empty() && protocol.size() <= 3 &&
                      protocol.find_first_not_of("0123456789") == std::string_view::npos;
  return digits && std::stoi(std::string(protocol)) <= 255;
}

Result<json::object> rule_frame(const json::object& permission) {
  const std::string protocol = lower_case(protocol_of(permission));
  if (!is_protocol(protocol))
    return fail("InvalidParameterValue",
                fmt::format("Invalid value '{}' for IP protocol. Unknown protocol.",
                            text(permission, "IpProtocol")));
  const bool has_ports = permission.contains("FromPort") && permission.contains("ToPort");
  if ((protocol == "tcp" || protocol == "udp") && !has_ports) {
    return fail("InvalidParameterValue",
                "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.");
  }
  const std::int64_t from = protocol == "-1" ? -1 : number(permission, "FromPort", -1);
  const std::int64_t to = protocol == "-1" ? -1 : number(permission, "ToPort", -1);
  if ((protocol == "tcp" || protocol == "udp") && (from < 0 || to > 65'535 || from > to)) {
    return fail("InvalidParameterValue",
                fmt::format("Invalid TCP/UDP port range ({}:{})", from, to));
  }
  return json::object{{"IpProtocol", protocol}, {"FromPort", from}, {"ToPort", to}};
}

// One rule for each range and each group of each permission, without id.
Result<std::vector<json::object>> rules_in(const Context& context, const json::array& permissions) {
  std::vector<json::object> out;
  for (const json::value& one : permissions) {
    const json::object& permission = one.as_object();
    KIBAN_TRY(const json::object frame, rule_frame(permission));
    const std::size_t before = out.size();
    const json::array* lists = find_array(permission, "PrefixListIds");
    if (lists && !lists->empty())
      return fail("UnsupportedOperation", "kiban does not support PrefixListIds of a permission");
    const json::array* ranges = find_array(permission, "IpRanges");
    for (const json::value& range : ranges ? *ranges : json::array{}) {
      KIBAN_TRY(const Cidr cidr, parse_cidr(text(range.as_object(), "CidrIp"), "cidrIp"));
      json::object rule = described(range.as_object(), frame);
      rule["CidrIpv4"] = print_cidr(cidr);
      out.push_back(std::move(rule));
    }
    const json::array* ranges6 = find_array(permission, "Ipv6Ranges");
    for (const json::value& range : ranges6 ? *ranges6 : json::array{}) {
      json::object rule = described(range.as_object(), frame);
      KIBAN_TRY(rule["CidrIpv6"], normalise_cidr6(text(range.as_object(), "CidrIpv6"), "cidrIpv6"));
      out.push_back(std::move(rule));
    }
    const json::array* groups = find_array(permission, "UserIdGroupPairs");
    for (const json::value& pair : groups ? *groups : json::array{}) {
      KIBAN_TRY(const json::object group,
                load(context, kinds::security_group, text(pair.as_object(), "GroupId")));
      json::object rule = described(pair.as_object(), frame);
      rule["ReferencedGroupInfo"] =
          json::object{{"GroupId", group.at("GroupId")}, {"UserId", group.at("OwnerId")}};
      out.push_back(std::move(rule));
    }
    if (out.size() == before) {
      return fail("InvalidParameterValue",
                  "A permission must name at least one of IpRanges, Ipv6Ranges and "
                  "UserIdGroupPairs");
    }
  }
  return out;
}

// Rules are the same whatever their description.
bool same_rule(const json::object& a, const json::object& b) {
  for (const std::string_view member :
       {"IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "ReferencedGroupInfo"}) {
    const json::value* left = find(a, member);
    const json::value* right = find(b, member);
    if ((left == nullptr) != (right == nullptr) || (left && *left != *right)) return false;
  }
  return true;
}

std::string peer_of(const json::object& rule) {
  for (const std::string_view member : {"CidrIpv4", "CidrIpv6"})
    if (rule.contains(member)) return text(rule, member);
  return text(rule.at("ReferencedGroupInfo").as_object(), "GroupId");
}

// IpPermissions, or the older way of naming one range beside them.
Result<json::array> given_permissions(const json::object& input) {
  const json::array* listed = find_array(input, "IpPermissions");
  if (listed && !listed->empty()) return *listed;
  if (!input.contains("CidrIp")) {
    return fail("MissingParameter", "The request must contain the parameter ipPermissions");
  }
  json::object permission;
  for (const std::string_view member : {"IpProtocol", "FromPort", "ToPort"}) {
    if (input.contains(member)) permission[member] = input.at(member);
  }
  permission["IpRanges"] = json::array{json::object{{"CidrIp", input.at("CidrIp")}}};
  return json::array{permission};
}

template <bool egress>
Result<json::object> authorize(Context& context, const json::object& input) {
  const std::string group_id = text(input, "GroupId");
  KIBAN_TRY(const json::object group, load(context, kinds::security_group, group_id));
  KIBAN_TRY(const json::array permissions, given_permissions(input));
  KIBAN_TRY(const std::vector<json::object> wanted, rules_in(context, permissions));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto same = [&](const json::object& other) { return same_rule(wanted[i], other); };
    if (std::any_of(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(i), same))
      return fail("InvalidParameterValue", "The same permission must not appear multiple times");
  }
  std::vector<json::object> present = rules_of(context, group_id);
  // docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
  constexpr std::size_t rules_max = 60;
  const auto there = static_cast<std::size_t>(std::ranges::count_if(
      present, [](const json::object& rule) { return is_egress(rule) == egress; }));
  if (there + wanted.size() > rules_max)
    return fail("RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.");
  json::array made;
  for (const json::object& rule : wanted) {
    for (const json::object& other : present) {
      if (is_egress(other) != egress || !same_rule(rule, other)) continue;
      const std::string protocol = upper_case(text(rule, "IpProtocol"));
      return fail("InvalidPermission.Duplicate",
                  fmt::format("the specified rule \"peer: {}, {}, from port: {}, to port: {}, "
                              "ALLOW\" already exists",
                              peer_of(rule), protocol == "-1" ? "ALL" : protocol,
                              number(rule, "FromPort", -1), number(rule, "ToPort", -1)));
    }
    KIBAN_TRY(json::object row, begin(context, kinds::security_group_rule, input));
    row.erase("OwnerId");
    row["GroupId"] = group_id;
    row["GroupOwnerId"] = group.at("OwnerId");
    row["IsEgress"] = egress;
    row["SecurityGroupRuleArn"] =
        make_arn(context, "ec2", "security-group-rule/" + text(row, "SecurityGroupRuleId"));
    for (const auto& member : rule) row[member.key()] = member.value();
    save(context, kinds::security_group_rule, row);
    present.push_back(row);
    made.push_back(row);
  }
  return json::object{{"Return", true}, {"SecurityGroupRules", std::move(made)}};
}

template <bool egress>
Result<json::object> revoke(Context& context, const json::object& input) {
  const std::string group_id = text(input, "GroupId");
  KIBAN_TRY_VOID(load(context, kinds::security_group, group_id));
  const std::vector<json::object> present = rules_of(context, group_id);
  json::array gone;
  const auto remove = [&](const json::object& rule) {
    json::object shown = rule;
    for (const std::string_view member :
         {"GroupOwnerId", "SecurityGroupRuleArn", "Tags", "ReferencedGroupInfo"}) {
      shown.erase(member);
    }
    if (rule.contains("ReferencedGroupInfo")) shown["ReferencedGroupId"] = peer_of(rule);
    gone.push_back(std::move(shown));
    erase(context, kinds::security_group_rule, text(rule, "SecurityGroupRuleId"));
  };
  if (const json::array* ids = find_array(input, "SecurityGroupRuleIds"); ids && !ids->empty()) {
    for (const json::value& id : *ids) {
      KIBAN_TRY(const json::object rule, load(context, kinds::security_group_rule, id.as_string()));
      if (text(rule, "GroupId") != group_id || is_egress(rule) != egress) {
        return not_found(kinds::security_group_rule, id.as_string());
      }
      remove(rule);
    }
  } else {
    KIBAN_TRY(const json::array permissions, given_permissions(input));
    KIBAN_TRY(const std::vector<json::object> wanted, rules_in(context, permissions));
    for (const json::object& rule : wanted) {
      const auto found = std::ranges::find_if(present, [&](const json::object& other) {
        return is_egress(other) == egress && same_rule(rule, other);
      });
      if (found == present.end()) {
        return fail("InvalidPermission.NotFound",
                    "The specified rule does not exist in this security group.");
      }
      remove(*found);
    }
  }
  return json::object{{"Return", true}, {"RevokedSecurityGroupRules", std::move(gone)}};
}

// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html
Result<json::object> modify_rules(Context& context, const json::object& input) {
  const std::string group_id = text(input, "GroupId");
  KIBAN_TRY_VOID(load(context, kinds::security_group, group_id));
  for (const json::value& one : input.at("SecurityGroupRules").as_array()) {
    const std::string id = text(one.as_object(), "SecurityGroupRuleId");
    KIBAN_TRY(json::object row, load(context, kinds::security_group_rule, id));
    if (text(row, "GroupId") != group_id) return not_found(kinds::security_group_rule, id);
    const json::object* wanted = find_object(one.as_object(), "SecurityGroupRule");
    if (!wanted) continue;
    json::object permission = *wanted;
    json::object peer;
    if (wanted->contains("Description")) peer["Description"] = wanted->at("Description");
    if (wanted->contains("CidrIpv4")) {
      peer["CidrIp"] = wanted->at("CidrIpv4");
      permission["IpRanges"] = json::array{peer};
    } else if (wanted->contains("CidrIpv6")) {
      peer["CidrIpv6"] = wanted->at("CidrIpv6");
      permission["Ipv6Ranges"] = json::array{peer};
    } else if (wanted->contains("ReferencedGroupId")) {
      peer["GroupId"] = wanted->at("ReferencedGroupId");
      permission["UserIdGroupPairs"] = json::array{peer};
    } else {
      return fail("UnsupportedOperation", "kiban supports ranges of addresses and groups only");
    }
    KIBAN_TRY(const std::vector<json::object> rules, rules_in(context, json::array{permission}));
    for (const json::object& other : rules_of(context, group_id)) {
      if (text(other, "SecurityGroupRuleId") == id || is_egress(other) != is_egress(row) ||
          !same_rule(other, rules.front())) {
        continue;
      }
      return fail("InvalidPermission.Duplicate", "the specified rule already exists");
    }
    for (const std::string_view member : {"IpProtocol", "FromPort", "ToPort", "CidrIpv4",
                                          "CidrIpv6", "ReferencedGroupInfo", "Description"}) {
      row.erase(member);
    }
    for (const auto& member : rules.front()) row[member.key()] = member.value();
    save(context, kinds::security_group_rule, row);
  }
  return json::object{{"Return", true}};
}

// Groups ------------------------------------------------------------------------------------------

Result<std::string> make_group(Context& context, const json::object& input) {
  const std::string vpc_id = text(input, "VpcId");
  const std::string name = text(input, "GroupName");
  for (const json::object& other : having(context, kinds::security_group, "VpcId", vpc_id)) {
    if (text(other, "GroupName") != name) continue;
    return fail("InvalidGroup.Duplicate",
                fmt::format("The security group '{}' already exists for VPC '{}'", name, vpc_id));
  }
  KIBAN_TRY(json::object row, begin(context, kinds::security_group, input));
  std::string id = text(row, "GroupId");
  row["Description"] = text(input, "Description");
  row["GroupName"] = name;
  row["SecurityGroupArn"] = make_arn(context, "ec2", "security-group/" + id);
  row["VpcId"] = vpc_id;
  save(context, kinds::security_group, row);
  // docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html: all may leave.
  const json::object anywhere{{"CidrIp", "0.0.0.0/0"}};
  KIBAN_TRY_VOID(authorize<true>(
      context,
      {{"GroupId", id},
       {"IpPermissions",
        json::array{json::object{{"IpProtocol", "-1"}, {"IpRanges", json::array{anywhere}}}}}}));
  return id;
}

Result<json::object> create_group(Context& context, const json::object& input) {
  if (!input.contains("VpcId")) {
    return fail("VPCIdNotSpecified", "No default VPC for this user");
  }
  KIBAN_TRY_VOID(load(context, kinds::vpc, text(input, "VpcId")));
  const std::string name = text(input, "GroupName");
  if (name.empty() || name.size() > 255 || name.starts_with("sg-")) {
    return fail("InvalidParameterValue",
                fmt::format("Value ({}) for parameter GroupName is invalid. Character sets beyond "
                            "ASCII are not supported, it has 1 to 255 characters and does not "
                            "begin with sg-.",
                            name));
  }
  if (name == "default")
    return fail("InvalidParameterValue", "Cannot use reserved security group name: default");
  KIBAN_TRY(const std::string id, make_group(context, input));
  KIBAN_TRY(const json::object row, load(context, kinds::security_group, id));
  return json::object{
      {"GroupId", id}, {"SecurityGroupArn", row.at("SecurityGroupArn")}, {"Tags", row.at("Tags")}};
}

Result<json::object> delete_group(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(require(input, "GroupId"));
  const std::string id = text(input, "GroupId");
  KIBAN_TRY(const json::object row, load(context, kinds::security_group, id));
  if (text(row, "GroupName") == "default") {
    return fail("CannotDelete",
                fmt::format("the specified group: \"{}\" name: \"default\" cannot be deleted by a "
                            "user",
                            id));
  }
  std::vector<json::object> references =
      having(context, kinds::security_group_rule, "ReferencedGroupInfo.GroupId", id);
  std::erase_if(references, [&](const json::object& rule) { return text(rule, "GroupId") == id; });
  if (!references.empty() ||
      !having(context, kinds::network_interface, "Groups.GroupId", id).empty()) {
    return fail("DependencyViolation", fmt::format("resource {} has a dependent object", id));
  }
  erase_group(context, id);
  return json::object{{"Return", true}, {"GroupId", id}};
}

// By id as everything else; names are for a default VPC, which isn't here.
Result<json::object> describe_groups(Context& context, const json::object& input) {
  const json::array* names = find_array(input, "GroupNames");
  if (names && !names->empty()) {
    return fail("InvalidGroup.NotFound",
                fmt::format("The security group '{}' does not exist in default VPC: there is none. "
                            "Use the filter group-name",
                            std::string_view(names->front().as_string())));
  }
  return describe(context, kinds::security_group, input);
}

}  // namespace

Result<void> make_default_group(Context& context, const std::string& vpc_id) {
  KIBAN_TRY(const std::string id, make_group(context, {{"VpcId", vpc_id},
                                                       {"GroupName", "default"},
                                                       {"Description",
                                                        "default VPC security "
                                                        "group"}}));
  // Its members reach each other.
  // docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
  const json::object pair{{"GroupId", id}};
  KIBAN_TRY_VOID(authorize<false>(
      context,
      {{"GroupId", id},
       {"IpPermissions", json::array{json::object{{"IpProtocol", "-1"},
                                                  {"UserIdGroupPairs", json::array{pair}}}}}}));
  return {};
}

std::string default_group(const Context& context, std::string_view vpc_id) {
  for (const json::object& group : having(context, kinds::security_group, "VpcId", vpc_id)) {
    if (text(group, "GroupName") == "default") return text(group, "GroupId");
  }
  return {};
}

void erase_group(Context& context, const std::string& group_id) {
  for (const json::object& rule : rules_of(context, group_id)) {
    erase(context, kinds::security_group_rule, text(rule, "SecurityGroupRuleId"));
  }
  erase(context, kinds::security_group, group_id);
}

namespace kinds {
const Kind security_group{.type = "security-group",
                          .prefix = "sg",
                          .id = "GroupId",
                          .list = "SecurityGroups",
                          .ids = "GroupIds",
                          .not_found = "InvalidGroup.NotFound",
                          .noun = "security group",
                          .filters = group_filters,
                          .malformed = "InvalidGroupId.Malformed",
                          .shown = shown_group};
const Kind security_group_rule{.type = "security-group-rule",
                               .prefix = "sgr",
                               .id = "SecurityGroupRuleId",
                               .list = "SecurityGroupRules",
                               .ids = "SecurityGroupRuleIds",
                               .not_found = "InvalidSecurityGroupRuleId.NotFound",
                               .noun = "security group rule ID",
                               .filters = rule_filters,
                               .malformed = "InvalidSecurityGroupRuleId.Malformed"};
}  // namespace kinds

CheckedTable security_operations() {
  constexpr std::string_view authorize_members =
      "GroupId IpPermissions CidrIp IpProtocol FromPort ToPort TagSpecifications";
  constexpr std::string_view revoke_members =
      "GroupId IpPermissions CidrIp IpProtocol FromPort ToPort SecurityGroupRuleIds";
  return {{"AuthorizeSecurityGroupEgress", {authorize<true>, authorize_members}},
          {"AuthorizeSecurityGroupIngress", {authorize<false>, authorize_members}},
          {"CreateSecurityGroup", {create_group, "GroupName Description VpcId TagSpecifications"}},
          {"DeleteSecurityGroup", {delete_group, "GroupId"}},
          {"DescribeSecurityGroupRules",
           {describe_all<kinds::security_group_rule>,
            "SecurityGroupRuleIds Filters MaxResults NextToken"}},
          {"DescribeSecurityGroups",
           {describe_groups, "GroupIds GroupNames Filters MaxResults NextToken"}},
          {"ModifySecurityGroupRules", {modify_rules, "GroupId SecurityGroupRules"}},
          {"RevokeSecurityGroupEgress", {revoke<true>, revoke_members}},
          {"RevokeSecurityGroupIngress", {revoke<false>, revoke_members}}};
}

}  // namespace kiban::services::ec2
