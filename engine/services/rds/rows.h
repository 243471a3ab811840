// What all resources of RDS share: their rows, names, tags, events and pages.
//
// "rds/REGION/{cluster,db,subgrp,cluster-snapshot}/NAME" holds the resource as AWS describes it,
// TagList included, and what only we need below "Kiban". The kinds are those of ARNs.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "services/base/table_service.h"

namespace kiban::services::rds {

constexpr std::string_view postgres_engine = "aurora-postgresql";

std::string row_key(const Context& context, std::string_view kind, std::string_view name);
// Of an identifier or an ARN; identifiers are kept in lower case.
std::string name_of(std::string_view id);
// As a reply shows it.
json::object described(const json::object& row);

// Error InvalidParameterValue, in AWS's words.
Result<void> check_identifier(std::string_view member, std::string_view value);
Result<void> check_engine(const json::object& input);
Result<void> check_engine_version(std::string_view version);
// A member that is not `known` and is neither false nor zero: Error InvalidParameterCombination.
Result<void> refuse_unknown(std::string_view operation, const json::object& input,
                            std::initializer_list<std::string_view> known);
void copy_members(json::object& to, const json::object& from,
                  std::initializer_list<std::string_view> members);

json::array tags_of(const json::object& input);
Result<json::object> add_tags(Context& context, const json::object& input);
Result<json::object> remove_tags(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);

// {`member`: …, "Marker"}: those of `kind` with the name, or all with the filter db-cluster-id.
// Error `missing` when there is none of that name.
struct Listing {
  std::string_view kind{};
  std::string_view member{};
  std::string_view name{};     // Empty: all.
  std::string_view missing{};  // DBClusterNotFoundFault
};
using Describe = json::object (*)(const Context& context, const json::object& row);
Result<json::object> list_rows(Context& context, const json::object& input, const Listing& listing,
                               Describe describe);

// One line of DescribeEvents, and an EventBridge event of source aws.rds without EventID. `row` is
// that of a cluster or an instance.
void record_event(Context& context, std::string_view kind, const json::object& row,
                  std::string_view category, std::string_view message);
Result<json::object> describe_events(Context& context, const json::object& input);

}  // namespace kiban::services::rds
