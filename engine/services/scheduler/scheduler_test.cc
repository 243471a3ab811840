#include <fmt/format.h>
#include <gmock/gmock.h>

#include "services/iam/service.h"
#include "services/kms/service.h"
#include "services/scheduler/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view role = "arn:aws:iam::000000000000:role/schedules";
constexpr std::string_view queue = "arn:aws:sqs:ap-northeast-1:000000000000:q";
constexpr std::string_view machine =
    "arn:aws:states:ap-northeast-1:000000000000:stateMachine:nightly";

json::object schedule(std::string_view name, json::object more = {}) {
  json::object input{{"Name", name},
                     {"ScheduleExpression", "cron(0 2 * * ? *)"},
                     {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
                     {"Target", {{"Arn", queue}, {"RoleArn", role}}}};
  for (auto& member : more) input[member.key()] = member.value();
  return input;
}
json::object with_target(json::object more) {
  json::object target{{"Arn", queue}, {"RoleArn", role}};
  for (auto& member : more) target[member.key()] = member.value();
  return {{"Target", std::move(target)}};
}

class SchedulerApi : public ServiceTest {
 protected:
  explicit SchedulerApi(kernel::Options options = {})
      : ServiceTest("scheduler", {make_scheduler, iam::make_iam, kms::make_kms},
                    std::move(options)) {}

  std::string refusal_of(const json::object& input) {
    const Error error = refusal("CreateSchedule", input);
    return error.name == "ValidationException" ? error.cause : error.name + ": " + error.cause;
  }
  std::vector<std::string> names(json::object input) {
    std::vector<std::string> found;
    for (const json::value& each :
         call("ListSchedules", std::move(input)).at("Schedules").as_array())
      found.push_back(text(each.as_object(), "GroupName") + "/" + text(each.as_object(), "Name"));
    return found;
  }
  void run_for(Duration duration) {
    kernel_->run_until_idle(now_, now_ + duration, ++seed_);
    now_ += duration;
  }
};

TEST_F(SchedulerApi, KeepsAScheduleWithItsDefaults) {
  const auto made = call("CreateSchedule", schedule("nightly", {{"Description", "d"}}));
  EXPECT_EQ(text(made, "ScheduleArn"),
            "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/nightly");
  json::object shown = call("GetSchedule", {{"Name", "nightly"}});
  EXPECT_EQ(shown.at("CreationDate"), epoch_seconds(now_));
  shown.erase("CreationDate");
  shown.erase("LastModificationDate");
  EXPECT_EQ(
      shown,
      (json::object{{"Arn", made.at("ScheduleArn")},
                    {"Name", "nightly"},
                    {"GroupName", "default"},
                    {"State", "ENABLED"},
                    {"Description", "d"},
                    {"ScheduleExpression", "cron(0 2 * * ? *)"},
                    {"ScheduleExpressionTimezone", "UTC"},
                    {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
                    {"ActionAfterCompletion", "NONE"},
                    {"Target",
                     {{"Arn", queue},
                      {"RoleArn", role},
                      {"RetryPolicy",
                       {{"MaximumEventAgeInSeconds", 86'400}, {"MaximumRetryAttempts", 185}}}}}}));
}

// "EventBridge Scheduler uses all values, including empty values, specified in the request and
// overrides the existing schedule."
TEST_F(SchedulerApi, AnUpdateReplacesEverything) {
  call("CreateSchedule", schedule("s", {{"Description", "d"}, {"State", "DISABLED"}}));
  const Timestamp made = now_;
  now_ += 1h;
  call("UpdateSchedule", schedule("s", {{"ScheduleExpressionTimezone", "Asia/Tokyo"}}));
  const json::object shown = call("GetSchedule", {{"Name", "s"}});
  EXPECT_FALSE(shown.contains("Description"));
  EXPECT_EQ(text(shown, "State"), "ENABLED");
  EXPECT_EQ(text(shown, "ScheduleExpressionTimezone"), "Asia/Tokyo");
  EXPECT_EQ(shown.at("CreationDate"), epoch_seconds(made));
  EXPECT_EQ(shown.at("LastModificationDate"), epoch_seconds(now_));
  EXPECT_EQ(refused("UpdateSchedule", schedule("other")), "ResourceNotFoundException");
}

TEST_F(SchedulerApi, ANameIsUniqueWithinItsGroup) {
  call("CreateScheduleGroup", {{"Name", "g"}});
  call("CreateSchedule", schedule("s"));
  EXPECT_EQ(text(call("CreateSchedule", schedule("s", {{"GroupName", "g"}})), "ScheduleArn"),
            "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/g/s");
  EXPECT_EQ(refusal_of(schedule("s")), "ConflictException: Schedule s already exists.");
  EXPECT_EQ(refusal_of(schedule("s", {{"GroupName", "none"}})),
            "ResourceNotFoundException: Schedule group none does not exist.");
  EXPECT_EQ(refusal("GetSchedule", {{"Name", "t"}}).cause, "Schedule t does not exist.");
  EXPECT_EQ(refusal("DeleteSchedule", {{"Name", "t"}}).name, "ResourceNotFoundException");
  call("DeleteSchedule", {{"Name", "s"}});
  EXPECT_EQ(refused("GetSchedule", {{"Name", "s"}}), "ResourceNotFoundException");
  call("GetSchedule", {{"Name", "s"}, {"GroupName", "g"}});
}

TEST_F(SchedulerApi, ATokenMakesACreationIdempotent) {
  const json::object input = schedule("s", {{"ClientToken", "t"}});
  EXPECT_EQ(call("CreateSchedule", input), call("CreateSchedule", input));
  EXPECT_EQ(refused("CreateSchedule", schedule("s", {{"ClientToken", "u"}})), "ConflictException");
  EXPECT_EQ(
      refused("CreateSchedule", schedule("s", {{"ClientToken", "t"}, {"Description", "other"}})),
      "ConflictException");
  const json::object group{{"Name", "g"}, {"ClientToken", "t"}};
  EXPECT_EQ(call("CreateScheduleGroup", group), call("CreateScheduleGroup", group));
  EXPECT_EQ(refusal("CreateScheduleGroup", {{"Name", "g"}, {"ClientToken", "u"}}).cause,
            "Schedule group g already exists.");
}

TEST_F(SchedulerApi, RefusesWhatCannotFire) {
  const auto dated = [&](json::object more) { return refusal_of(schedule("s", std::move(more))); };
  EXPECT_THAT(dated({{"ScheduleExpression", "every day"}}),
              StartsWith("Invalid Schedule Expression every day."));
  EXPECT_THAT(dated({{"ScheduleExpressionTimezone", "Mars/Olympus"}}),
              StartsWith("Invalid Schedule Expression Timezone Mars/Olympus."));
  EXPECT_EQ(dated({{"StartDate", epoch_seconds(now_ - 6min)}}),
            "The StartDate you specify cannot be earlier than 5 minutes ago.");
  EXPECT_EQ(dated({{"StartDate", epoch_seconds(now_ + 2h)}, {"EndDate", epoch_seconds(now_ + 1h)}}),
            "The EndDate you specify must come after the StartDate.");
  EXPECT_EQ(dated({{"EndDate", epoch_seconds(now_ - 1h)}}),
            "The EndDate you specify must be in the future.");
  EXPECT_EQ(dated({{"FlexibleTimeWindow", {{"Mode", "FLEXIBLE"}}}}),
            "FlexibleTimeWindow needs MaximumWindowInMinutes in mode FLEXIBLE.");
  EXPECT_EQ(dated({{"FlexibleTimeWindow", {{"Mode", "OFF"}, {"MaximumWindowInMinutes", 5}}}}),
            "FlexibleTimeWindow takes MaximumWindowInMinutes in mode FLEXIBLE only.");
  EXPECT_THAT(dated({{"Name", "a b"}}), HasSubstr("failed to satisfy constraint"));
  // A one-time schedule takes no notice of dates.
  call("CreateSchedule", schedule("s", {{"ScheduleExpression", "at(2030-01-01T00:00:00)"},
                                        {"StartDate", epoch_seconds(now_ - 100h)},
                                        {"EndDate", epoch_seconds(now_ - 200h)}}));
}

TEST_F(SchedulerApi, DatesEndWithTheYear9999) {
  const double year_10000 = 253'402'300'800;
  for (const char* member : {"StartDate", "EndDate"}) {
    EXPECT_EQ(refused("CreateSchedule", schedule("s", {{member, year_10000}})),
              "ValidationException");
    EXPECT_EQ(refused("CreateSchedule", schedule("s", {{member, 9'007'199'254'740'993}})),
              "ValidationException");
  }
  json::object late = schedule("s", {{"ScheduleExpression", "at(9999-12-31T23:59:59)"},
                                     {"ScheduleExpressionTimezone", "Etc/GMT+12"}});
  EXPECT_EQ(refused("CreateSchedule", late), "ValidationException");
  late["ScheduleExpressionTimezone"] = "UTC";
  call("CreateSchedule", late);
}

// Dates of the past that a schedule has already don't stand in the way of an update.
TEST_F(SchedulerApi, AnUpdateMayRepeatAStartDate) {
  const json::object input = schedule("s", {{"StartDate", epoch_seconds(now_)}});
  call("CreateSchedule", input);
  now_ += 1h;
  call("UpdateSchedule", input);
  EXPECT_EQ(refused("UpdateSchedule", schedule("s", {{"StartDate", epoch_seconds(now_ - 30min)}})),
            "ValidationException");
}

TEST_F(SchedulerApi, RefusesTargetsByName) {
  const auto refused_target = [&](json::object more) {
    return refusal_of(schedule("s", with_target(std::move(more))));
  };
  for (const char* arn : {"arn:aws:lambda:ap-northeast-1:000000000000:layer:l",
                          "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s",
                          "arn:aws:states:ap-northeast-1:000000000000:activity:a",
                          "arn:aws:scheduler:::aws-sdk:batch:submitJob",
                          "arn:aws:scheduler:::aws-sdk:sqs:noSuchAction",
                          "arn:aws:scheduler:::aws-sdk:sqs:SendMessage"})
    EXPECT_THAT(refused_target({{"Arn", arn}}),
                StartsWith(fmt::format("kiban does not serve the target {}", arn)));
  EXPECT_EQ(refused_target({{"Arn", "arn:aws:scheduler:::aws-sdk:sqs:getQueueUrl"}}),
            "EventBridge Scheduler does not support read-only API actions: "
            "arn:aws:scheduler:::aws-sdk:sqs:getQueueUrl");
  EXPECT_EQ(refused_target({{"Arn", "arn:aws:scheduler:::aws-sdk:ecs:runTask"},
                            {"Input", R"({"taskDefinition":"t"})"}}),
            "Invalid RequestJson provided. Reason Request payload is missing the following "
            "field(s): TaskDefinition.");
  EXPECT_EQ(refused_target({{"Arn", "arn:aws:scheduler:::aws-sdk:sqs:createQueue"},
                            {"Input", R"({"QueueName":"q","Size":1})"}}),
            "Invalid RequestJson provided. Reason Request payload has an unknown field: Size.");
  EXPECT_THAT(
      refused_target({{"Arn", "arn:aws:scheduler:::aws-sdk:sqs:createQueue"}, {"Input", "text"}}),
      StartsWith("Invalid RequestJson provided. Reason"));
  EXPECT_THAT(refused_target({{"Arn", machine}, {"Input", "text"}}),
              HasSubstr("must be well-formed JSON"));
  EXPECT_THAT(refused_target({{"Arn", "arn:aws:sqs:ap-northeast-1:111111111111:q"}}),
              StartsWith("kiban serves targets of account 000000000000"));
  EXPECT_EQ(refused_target({{"RoleArn", "arn:aws:iam::111111111111:role/r"}}),
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the "
            "role.");
}

TEST_F(SchedulerApi, ATargetTakesItsOwnParameters) {
  const auto refused_target = [&](json::object more) {
    return refusal_of(schedule("s", with_target(std::move(more))));
  };
  const std::string fifo = std::string(queue) + ".fifo";
  const std::string cluster = "arn:aws:ecs:ap-northeast-1:000000000000:cluster/c";
  const json::object tasks{{"TaskDefinitionArn", "t"}};
  EXPECT_EQ(refused_target({{"Arn", fifo}}),
            "MessageGroupId is required for the FIFO queue " + fifo + ".");
  EXPECT_THAT(refused_target({{"SqsParameters", {{"MessageGroupId", "g"}}}}),
              HasSubstr("can't be given for the standard queue"));
  EXPECT_EQ(refused_target({{"Arn", cluster}}),
            "EcsParameters is required for the target " + cluster + ".");
  EXPECT_EQ(refused_target({{"EcsParameters", tasks}}),
            fmt::format("EcsParameters can't be given for the target {}.", queue));
  EXPECT_THAT(refused_target({{"Arn", cluster}, {"EcsParameters", tasks}, {"Input", "[]"}}),
              HasSubstr("must be a JSON object"));
  EXPECT_THAT(
      refused_target(
          {{"Arn", cluster}, {"EcsParameters", tasks}, {"Input", R"({"containerOverides":[]})"}}),
      HasSubstr("unknown field: containerOverides"));
  call(
      "CreateSchedule",
      schedule("fifo", with_target({{"Arn", fifo}, {"SqsParameters", {{"MessageGroupId", "g"}}}})));
  call("CreateSchedule",
       schedule("ecs", with_target({{"Arn", cluster}, {"EcsParameters", tasks}})));
}

TEST_F(SchedulerApi, AKeyMustBeThereAndEnabled) {
  const std::string key = text(call("kms", "CreateKey", {}).at("KeyMetadata").as_object(), "Arn");
  call("CreateSchedule", schedule("s", {{"KmsKeyArn", key}}));
  EXPECT_EQ(text(call("GetSchedule", {{"Name", "s"}}), "KmsKeyArn"), key);
  call("kms", "DisableKey", {{"KeyId", key}});
  EXPECT_EQ(refusal_of(schedule("t", {{"KmsKeyArn", key}})),
            "The KMS key " + key + " does not exist or is not enabled.");
}

TEST_F(SchedulerApi, ListsByPageWithFilters) {
  for (const char* group : {"a", "a-b"}) call("CreateScheduleGroup", {{"Name", group}});
  for (const char* group : {"a", "a-b", "default"})
    for (const char* name : {"x1", "x2", "y"})
      call("CreateSchedule",
           schedule(name, {{"GroupName", group},
                           {"State", std::string_view(name) == "y" ? "DISABLED" : "ENABLED"}}));
  EXPECT_THAT(names({{"GroupName", "a"}}), ElementsAre("a/x1", "a/x2", "a/y"));
  EXPECT_THAT(names({{"GroupName", "a"}, {"NamePrefix", "x"}}), ElementsAre("a/x1", "a/x2"));
  EXPECT_THAT(names({{"State", "DISABLED"}}), ElementsAre("a-b/y", "a/y", "default/y"));
  EXPECT_EQ(refused("ListSchedules", {{"GroupName", "none"}}), "ResourceNotFoundException");
  EXPECT_EQ(refused("ListSchedules", {{"NextToken", "x"}}), "ValidationException");
  for (json::object filter : {json::object{}, json::object{{"NamePrefix", "x"}}}) {
    const std::vector<std::string> whole = names(filter);
    EXPECT_EQ(whole.size(), filter.empty() ? 9 : 6);
    std::vector<std::string> paged;
    filter["MaxResults"] = 2;
    for (;;) {
      const json::object page = call("ListSchedules", filter);
      for (const json::value& each : page.at("Schedules").as_array())
        paged.push_back(text(each.as_object(), "GroupName") + "/" + text(each.as_object(), "Name"));
      if (!page.contains("NextToken")) break;
      filter["NextToken"] = page.at("NextToken");
    }
    EXPECT_EQ(paged, whole);
  }
  const json::object first =
      call("ListSchedules", {{"MaxResults", 1}}).at("Schedules").at(0).as_object();
  EXPECT_EQ(first.at("Target"), (json::object{{"Arn", queue}}));
}

// A page reads a bounded number of rows.
TEST_F(SchedulerApi, AFilteredPageMayBeEmpty) {
  for (int i = 0; i < 2'100; ++i)
    call("CreateSchedule",
         schedule(fmt::format("s{:04}", i), {{"State", i == 2'050 ? "DISABLED" : "ENABLED"}}));
  const json::object page = call("ListSchedules", {{"State", "DISABLED"}});
  EXPECT_TRUE(page.at("Schedules").as_array().empty());
  const json::object next =
      call("ListSchedules", {{"State", "DISABLED"}, {"NextToken", page.at("NextToken")}});
  EXPECT_EQ(next.at("Schedules").as_array().size(), 1U);
  EXPECT_FALSE(next.contains("NextToken"));
}

TEST_F(SchedulerApi, GroupsHaveTagsAndDates) {
  const auto made =
      call("CreateScheduleGroup", {{"Name", "g"}, {"Tags", {{{"Key", "a"}, {"Value", "1"}}}}});
  const std::string arn = text(made, "ScheduleGroupArn");
  EXPECT_EQ(arn, "arn:aws:scheduler:ap-northeast-1:000000000000:schedule-group/g");
  now_ += 1h;
  call("TagResource", {{"ResourceArn", arn}, {"Tags", {{{"Key", "b"}, {"Value", "2"}}}}});
  call("UntagResource", {{"ResourceArn", arn}, {"TagKeys", {"a"}}});
  EXPECT_EQ(call("ListTagsForResource", {{"ResourceArn", arn}}).at("Tags"),
            (json::array{{{"Key", "b"}, {"Value", "2"}}}));
  const json::object shown = call("GetScheduleGroup", {{"Name", "g"}});
  EXPECT_EQ(shown.at("CreationDate"), epoch_seconds(now_ - 1h));
  EXPECT_EQ(shown.at("LastModificationDate"), epoch_seconds(now_));
  EXPECT_EQ(text(call("GetScheduleGroup", {{"Name", "default"}}), "State"), "ACTIVE");
  std::vector<std::string> groups;
  for (const json::value& each : call("ListScheduleGroups", {}).at("ScheduleGroups").as_array())
    groups.push_back(text(each.as_object(), "Name"));
  EXPECT_THAT(groups, ElementsAre("default", "g"));
  EXPECT_EQ(
      call("ListScheduleGroups", {{"NamePrefix", "d"}}).at("ScheduleGroups").as_array().size(), 1U);
  EXPECT_EQ(refused("TagResource",
                    {{"ResourceArn", arn}, {"Tags", {{{"Key", "aws:x"}, {"Value", "1"}}}}}),
            "ValidationException");
  EXPECT_EQ(refused("ListTagsForResource",
                    {{"ResourceArn", "arn:aws:scheduler:us-east-1:000000000000:schedule-group/g"}}),
            "ResourceNotFoundException");
}

// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html
TEST_F(SchedulerApi, AGroupIsDeletedWithItsSchedules) {
  call("CreateScheduleGroup", {{"Name", "g"}});
  call("CreateSchedule", schedule("kept"));
  for (int i = 0; i < 1'100; ++i)
    call("CreateSchedule", schedule(fmt::format("s{}", i), {{"GroupName", "g"}}));
  EXPECT_EQ(kernel_->waiting_timers(2'000).size(), 1'101U);
  call("DeleteScheduleGroup", {{"Name", "g"}});
  EXPECT_EQ(text(call("GetScheduleGroup", {{"Name", "g"}}), "State"), "DELETING");
  EXPECT_EQ(refusal_of(schedule("new", {{"GroupName", "g"}})),
            "ConflictException: Schedule group g is being deleted.");
  EXPECT_EQ(refused("CreateScheduleGroup", {{"Name", "g"}}), "ConflictException");
  run_for(2s);
  EXPECT_EQ(refused("GetScheduleGroup", {{"Name", "g"}}), "ResourceNotFoundException");
  EXPECT_THAT(names({}), ElementsAre("default/kept"));
  EXPECT_EQ(kernel_->waiting_timers(2'000).size(), 1U);
  EXPECT_EQ(kernel_->read("scheduler/ap-northeast-1/count"), "1");
  EXPECT_EQ(refused("DeleteScheduleGroup", {{"Name", "default"}}), "ValidationException");
  EXPECT_EQ(refused("DeleteScheduleGroup", {{"Name", "g"}}), "ResourceNotFoundException");
}

TEST_F(SchedulerApi, TheRegionHasQuotas) {
  ASSERT_TRUE(store_->commit({{"scheduler/ap-northeast-1/count", "999999"}}));
  call("CreateSchedule", schedule("s"));
  EXPECT_EQ(refused("CreateSchedule", schedule("t")), "ServiceQuotaExceededException");
  call("DeleteSchedule", {{"Name", "s"}});
  call("CreateSchedule", schedule("t"));
  for (int i = 0; i < 499; ++i) call("CreateScheduleGroup", {{"Name", fmt::format("g{}", i)}});
  EXPECT_EQ(refused("CreateScheduleGroup", {{"Name", "more"}}), "ServiceQuotaExceededException");
}

class SchedulerRoles : public SchedulerApi {
 protected:
  SchedulerRoles() : SchedulerApi({.auth = kernel::Auth::Sigv4}) {}
  void make_role(std::string_view service) {
    call("iam", "CreateRole",
         {{"RoleName", "schedules"},
          {"AssumeRolePolicyDocument",
           fmt::format(R"({{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":)"
                       R"({{"Service":"{}"}},"Action":"sts:AssumeRole"}}]}})",
                       service)}});
  }
};

TEST_F(SchedulerRoles, TheRoleMustTrustScheduler) {
  constexpr std::string_view wanted =
      "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
  EXPECT_EQ(refusal_of(schedule("s")), wanted);
  make_role("events.amazonaws.com");
  EXPECT_EQ(refusal_of(schedule("s")), wanted);
  call("iam", "DeleteRole", {{"RoleName", "schedules"}});
  make_role("scheduler.amazonaws.com");
  call("CreateSchedule", schedule("s"));
}

}  // namespace
}  // namespace kiban::services::scheduler
