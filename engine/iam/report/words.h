// JSON and TypeScript as people read them, and what differs between two texts.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "iam/report/resources.h"

namespace kiban::iam::report {

// Two columns a level; short arrays of strings on one line. Without a line end behind it.
std::string pretty_json(const json::value& value);

// Lines of both, by which "-" went and "+" came, with `context` equal lines around; empty when they
// are equal.
std::string line_diff(std::string_view before, std::string_view after, std::size_t context = 3);

// A policy statement as `new iam.PolicyStatement({…})` of aws-cdk-lib; a comment names each
// resource's construct in the CDK app. Principals are those of {"AWS": ARN} and {"Service": NAME}.
std::string cdk_statement(const json::object& statement, const Resources& resources);

// The grant of aws-cdk-lib that gives an action on a resource of that type, such as
// "topic.grantPublish(role)"; empty: there is none of just that action.
std::string_view grant_for(std::string_view action);

}  // namespace kiban::iam::report
