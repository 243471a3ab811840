#include "cfn/type_lists.h"

namespace kiban::cfn {

// EventBusPolicy's Statement is a whole statement, for which PutPermission has a parameter of our
// own. A connection is there when it is authorised, or can't be: AWS does not fail it either. A
// schedule that changes its group is not found there, on AWS too:
// github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/1726
const std::string_view events_types = R"([
{"Type":"AWS::Events::Rule","Service":"events","TagId":"=@attributes.Arn","Known":["Description","EventBusName","Name","ScheduleExpression","EventPattern","State","Targets","RoleArn"],"Replace":["Name","EventBusName"],"Name":"Name","NameMax":64,"Prepare":"rule",
 "Create":[{"op":"PutRule","in":{"Name":"=@name","EventBusName":"=EventBusName","Description":"=Description","ScheduleExpression":"=ScheduleExpression","EventPattern":"=json:EventPattern","State":"=State","RoleArn":"=RoleArn","Tags":"=Tags"}},
  {"op":"PutTargets","when":"Targets","in":{"Rule":"=@name","EventBusName":"=EventBusName","Targets":"=Targets"}}],
 "Update":[{"op":"PutRule","in":{"Name":"=@name","EventBusName":"=EventBusName","Description":"=Description","ScheduleExpression":"=ScheduleExpression","EventPattern":"=json:EventPattern","State":"=State","RoleArn":"=RoleArn"}},
  {"op":"RemoveTargets","gone":"Targets","key":"Id","in":{"Rule":"=@name","EventBusName":"=EventBusName","Ids":["=@item.Id"]}},
  {"op":"PutTargets","changed":["Targets"],"when":"Targets","in":{"Rule":"=@name","EventBusName":"=EventBusName","Targets":"=Targets"}}],"Updates":["Description","ScheduleExpression","EventPattern","State","RoleArn","Targets"],
 "Delete":[{"op":"RemoveTargets","when":"Targets","in":{"Rule":"=@name","EventBusName":"=EventBusName","Ids":"=ids:Targets"},"ignore":["ResourceNotFoundException"]},{"op":"DeleteRule","in":{"Name":"=@name","EventBusName":"=EventBusName"},"ignore":["ResourceNotFoundException"]}],
 "Id":"=@rule","Attributes":{"Arn":"=@reply.RuleArn"}},
{"Type":"AWS::Events::EventBus","Service":"events","TagId":"=@attributes.Arn","Known":["Description","Name","Policy"],"Replace":["Name"],
 "Create":[{"op":"CreateEventBus","in":{"Name":"=Name","Description":"=Description","Tags":"=Tags"}},
  {"op":"PutPermission","when":"Policy","in":{"EventBusName":"=Name","Policy":"=json:Policy"}}],
 "Update":[{"op":"UpdateEventBus","when":"Description","in":{"Name":"=@id","Description":"=Description"}},
  {"op":"UpdateEventBus","dropped":"Description","in":{"Name":"=@id","Description":""}},
  {"op":"PutPermission","when":"Policy","in":{"EventBusName":"=@id","Policy":"=json:Policy"}},
  {"op":"RemovePermission","dropped":"Policy","in":{"EventBusName":"=@id","RemoveAllPermissions":true}}],"Updates":["Description","Policy"],
 "Delete":[{"op":"DeleteEventBus","in":{"Name":"=@id"}}],
 "Id":"=Name","Attributes":{"Arn":"~arn:aws:events:{@region}:{@account}:event-bus/{@id}","Name":"=@id"}},
{"Type":"AWS::Events::EventBusPolicy","Service":"events","Known":["Action","Condition","EventBusName","Principal","Statement","StatementId"],"Replace":["EventBusName","StatementId"],
 "Create":[{"op":"PutPermission","when":"Statement","in":{"EventBusName":"=EventBusName","StatementId":"=StatementId","Statement":"=json:Statement"}},
  {"op":"PutPermission","when":"Action","in":{"EventBusName":"=EventBusName","StatementId":"=StatementId","Action":"=Action","Principal":"=Principal","Condition":"=Condition"}}],
 "Update":"Create","Updates":["Action","Condition","Principal","Statement"],
 "Delete":[{"op":"RemovePermission","in":{"EventBusName":"=EventBusName","StatementId":"=StatementId"},"ignore":["ResourceNotFoundException"]}],
 "Id":"=@generated","Attributes":{"Id":"=@id"}},
{"Type":"AWS::Events::Archive","Service":"events","Known":["ArchiveName","Description","EventPattern","RetentionDays","SourceArn"],"Replace":["ArchiveName","SourceArn"],"Name":"ArchiveName","NameMax":48,
 "Create":[{"op":"CreateArchive","in":{"ArchiveName":"=@name","EventSourceArn":"=SourceArn","Description":"=Description","EventPattern":"=json:EventPattern","RetentionDays":"=int:RetentionDays"}}],
 "Update":[{"op":"UpdateArchive","in":{"ArchiveName":"=@id","Description":"=Description","EventPattern":"=json:EventPattern","RetentionDays":"=int:RetentionDays"}},
  {"op":"UpdateArchive","dropped":"EventPattern","in":{"ArchiveName":"=@id","EventPattern":""}}],"Defaults":{"Description":"","RetentionDays":0},"Updates":["Description","EventPattern","RetentionDays"],
 "Delete":[{"op":"DeleteArchive","in":{"ArchiveName":"=@id"},"ignore":["ResourceNotFoundException"]}],
 "Id":"=@name","Attributes":{"Arn":"~arn:aws:events:{@region}:{@account}:archive/{@id}","ArchiveName":"=@id"}},
{"Type":"AWS::Events::Connection","Service":"events","Known":["AuthParameters","AuthorizationType","Description","KmsKeyIdentifier","Name"],"Replace":["Name","KmsKeyIdentifier"],"Name":"Name","NameMax":64,
 "Create":[{"op":"CreateConnection","in":{"Name":"=@name","Description":"=Description","AuthorizationType":"=AuthorizationType","AuthParameters":"=AuthParameters","KmsKeyIdentifier":"=KmsKeyIdentifier"}}],
 "Update":[{"op":"UpdateConnection","in":{"Name":"=@id","Description":"=Description","AuthorizationType":"=AuthorizationType","AuthParameters":"=AuthParameters"}},
  {"op":"UpdateConnection","dropped":"Description","in":{"Name":"=@id","Description":""}}],"Updates":["AuthParameters","AuthorizationType","Description"],
 "Wait":{"op":"DescribeConnection","in":{"Name":"=@id"},"at":"ConnectionState","ready":["AUTHORIZED","DEAUTHORIZED"],"failed":[]},
 "Read":{"op":"DescribeConnection","in":{"Name":"=@id"}},
 "Delete":[{"op":"DeleteConnection","in":{"Name":"=@id"},"ignore":["ResourceNotFoundException"]}],
 "Id":"=@name","Attributes":{"Arn":"=@read.ConnectionArn","SecretArn":"=@read.SecretArn","ArnForPolicy":"~arn:aws:events:{@region}:{@account}:connection/{@id}"}},
{"Type":"AWS::Events::ApiDestination","Service":"events","Known":["ConnectionArn","Description","HttpMethod","InvocationEndpoint","InvocationRateLimitPerSecond","Name"],"Replace":["Name"],"Name":"Name","NameMax":64,
 "Create":[{"op":"CreateApiDestination","in":{"Name":"=@name","Description":"=Description","ConnectionArn":"=ConnectionArn","HttpMethod":"=HttpMethod","InvocationEndpoint":"=InvocationEndpoint","InvocationRateLimitPerSecond":"=int:InvocationRateLimitPerSecond"}}],
 "Update":[{"op":"UpdateApiDestination","in":{"Name":"=@id","Description":"=Description","ConnectionArn":"=ConnectionArn","HttpMethod":"=HttpMethod","InvocationEndpoint":"=InvocationEndpoint","InvocationRateLimitPerSecond":"=int:InvocationRateLimitPerSecond"}},
  {"op":"UpdateApiDestination","dropped":"Description","in":{"Name":"=@id","Description":""}},
  {"op":"UpdateApiDestination","dropped":"InvocationRateLimitPerSecond","in":{"Name":"=@id","InvocationRateLimitPerSecond":300}}],"Updates":["ConnectionArn","Description","HttpMethod","InvocationEndpoint","InvocationRateLimitPerSecond"],
 "Read":{"op":"DescribeApiDestination","in":{"Name":"=@id"}},
 "Delete":[{"op":"DeleteApiDestination","in":{"Name":"=@id"},"ignore":["ResourceNotFoundException"]}],
 "Id":"=@name","Attributes":{"Arn":"=@read.ApiDestinationArn","ArnForPolicy":"~arn:aws:events:{@region}:{@account}:api-destination/{@id}"}},
{"Type":"AWS::Scheduler::Schedule","Service":"scheduler","Known":["Description","EndDate","FlexibleTimeWindow","GroupName","KmsKeyArn","Name","ScheduleExpression","ScheduleExpressionTimezone","StartDate","State","Target"],"Replace":["Name"],"Name":"Name","NameMax":64,
 "Create":[{"op":"CreateSchedule","in":{"Name":"=@name","GroupName":"=GroupName","Description":"=Description","ScheduleExpression":"=ScheduleExpression","ScheduleExpressionTimezone":"=ScheduleExpressionTimezone","StartDate":"=instant:StartDate","EndDate":"=instant:EndDate","FlexibleTimeWindow":"=window:FlexibleTimeWindow","KmsKeyArn":"=KmsKeyArn","State":"=State","Target":"=scheduletarget:Target"}}],
 "Update":[{"op":"UpdateSchedule","in":{"Name":"=@id","GroupName":"=GroupName","Description":"=Description","ScheduleExpression":"=ScheduleExpression","ScheduleExpressionTimezone":"=ScheduleExpressionTimezone","StartDate":"=instant:StartDate","EndDate":"=instant:EndDate","FlexibleTimeWindow":"=window:FlexibleTimeWindow","KmsKeyArn":"=KmsKeyArn","State":"=State","Target":"=scheduletarget:Target"}}],"Updates":["Description","EndDate","FlexibleTimeWindow","GroupName","KmsKeyArn","ScheduleExpression","ScheduleExpressionTimezone","StartDate","State","Target"],
 "Delete":[{"op":"DeleteSchedule","in":{"Name":"=@id","GroupName":"=GroupName"},"ignore":["ResourceNotFoundException"]}],
 "Id":"=@name","Attributes":{"Arn":"=@reply.ScheduleArn"}},
{"Type":"AWS::Scheduler::ScheduleGroup","Service":"scheduler","TagId":"=@attributes.Arn","Known":["Name"],"Replace":["Name"],"Name":"Name","NameMax":64,
 "Create":[{"op":"CreateScheduleGroup","in":{"Name":"=@name","Tags":"=Tags"}}],
 "Read":{"op":"GetScheduleGroup","in":{"Name":"=@id"}},
 "Delete":[{"op":"DeleteScheduleGroup","in":{"Name":"=@id"},"ignore":["ResourceNotFoundException"]}],
 "Gone":{"op":"GetScheduleGroup","in":{"Name":"=@id"},"at":"State","is":[],"absent":["ResourceNotFoundException"]},
 "Id":"=@name","Attributes":{"Arn":"~arn:aws:scheduler:{@region}:{@account}:schedule-group/{@id}","State":"=@read.State","CreationDate":"=instanttext:@read.CreationDate","LastModificationDate":"=instanttext:@read.LastModificationDate"}}
])";

}  // namespace kiban::cfn
