#include "simulate/recipes.h"

#include <fmt/format.h>

#include <map>
#include <sstream>

namespace kiban::simulate {
namespace {

// A line: service, operation, input.
constexpr const char* recipe_lines = R"RECIPES(
states CreateStateMachine {"name":"@name","definition":"@asl","roleArn":"arn:aws:iam::000000000000:role/role-1"}
states CreateStateMachine {"name":"@name","definition":"@asl","roleArn":"arn:aws:iam::000000000000:role/role-1","publish":true}
states CreateStateMachine {"name":"express-1","type":"EXPRESS","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",\"Seconds\":1,\"End\":true}}}","roleArn":"arn:aws:iam::000000000000:role/role-1"}
states CreateStateMachine {"name":"leaf","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Wait\",\"Seconds\":3,\"End\":true}}}","roleArn":"arn:aws:iam::000000000000:role/role-1"}
states UpdateStateMachine {"stateMachineArn":"@states.statemachinearn","definition":"@asl"}
states UpdateStateMachine {"stateMachineArn":"@states.statemachinearn","definition":"@asl","publish":true}
states ValidateStateMachineDefinition {"definition":"@asl"}
states StartExecution {"stateMachineArn":"@states.statemachinearn","input":"{\"n\":1,\"items\":[1,2]}"}
states StartExecution {"stateMachineArn":"@states.statemachinearn"}
states StartExecution {"stateMachineArn":"@states.statemachinearn","name":"execution-1"}
states StartSyncExecution {"stateMachineArn":"arn:aws:states:ap-northeast-1:000000000000:stateMachine:express-1"}
states GetActivityTask {"activityArn":"@states.activityarn"}
states SendTaskSuccess {"taskToken":"@states.tasktoken","output":"{\"done\":true}"}
states SendTaskFailure {"taskToken":"@states.tasktoken","error":"Worker.Failed"}
states SendTaskHeartbeat {"taskToken":"@states.tasktoken"}
states RedriveExecution {"executionArn":"@states.executionarn"}
states StopExecution {"executionArn":"@states.executionarn","error":"Stopped"}
states CreateStateMachineAlias {"name":"alias-1","routingConfiguration":[{"stateMachineVersionArn":"@states.statemachineversionarn","weight":100}]}
states UpdateStateMachineAlias {"stateMachineAliasArn":"@states.statemachinealiasarn","routingConfiguration":[{"stateMachineVersionArn":"@states.statemachineversionarn","weight":100}]}
states TestState {"definition":"{\"Type\":\"Pass\",\"Result\":1,\"End\":true}","roleArn":"arn:aws:iam::000000000000:role/role-1"}
states UpdateMapRun {"mapRunArn":"@states.maprunarn","maxConcurrency":2}
cloudformation CreateStack {"StackName":"@name","TemplateBody":"@template","Capabilities":["CAPABILITY_IAM","CAPABILITY_NAMED_IAM"]}
cloudformation CreateStack {"StackName":"@name","TemplateBody":"@template","Capabilities":["CAPABILITY_IAM"],"OnFailure":"DELETE"}
cloudformation CreateStack {"StackName":"@name","TemplateBody":"@template","Capabilities":["CAPABILITY_IAM"],"DisableRollback":true}
cloudformation UpdateStack {"StackName":"@cloudformation.stackname","TemplateBody":"@template","Capabilities":["CAPABILITY_IAM"]}
cloudformation DeleteStack {"StackName":"@cloudformation.stackname"}
cloudformation CancelUpdateStack {"StackName":"@cloudformation.stackname"}
cloudformation RollbackStack {"StackName":"@cloudformation.stackname"}
cloudformation ContinueUpdateRollback {"StackName":"@cloudformation.stackname"}
cloudformation CreateChangeSet {"StackName":"@cloudformation.stackname","ChangeSetName":"@name","TemplateBody":"@template","Capabilities":["CAPABILITY_IAM"]}
cloudformation CreateChangeSet {"StackName":"@name","ChangeSetName":"@name","ChangeSetType":"CREATE","TemplateBody":"@template","Capabilities":["CAPABILITY_IAM"]}
cloudformation ExecuteChangeSet {"StackName":"@cloudformation.stackname","ChangeSetName":"@cloudformation.changesetname"}
cloudformation ExecuteChangeSet {"ChangeSetName":"@cloudformation.changesetid"}
cloudformation DescribeChangeSet {"StackName":"@cloudformation.stackname","ChangeSetName":"@cloudformation.changesetname"}
cloudformation DeleteChangeSet {"StackName":"@cloudformation.stackname","ChangeSetName":"@cloudformation.changesetname"}
cloudformation ValidateTemplate {"TemplateBody":"@template"}
cloudformation GetTemplateSummary {"TemplateBody":"@template"}
cloudformation DescribeStackResource {"StackName":"@cloudformation.stackname","LogicalResourceId":"Queue"}
cloudformation ListImports {"ExportName":"@cloudformation.exportname|export-1"}
ecs CreateCluster {"clusterName":"@name"}
ecs RegisterTaskDefinition {"family":"@name","requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512","containerDefinitions":[{"name":"main","image":"image","essential":true}]}
ecs RegisterTaskDefinition {"family":"@name","requiresCompatibilities":["FARGATE"],"networkMode":"awsvpc","cpu":"256","memory":"512","containerDefinitions":[{"name":"main","image":"image","healthCheck":{"command":["CMD-SHELL","true"],"interval":5,"retries":2}},{"name":"side","image":"image","essential":false}]}
ecs RunTask {"cluster":"@ecs.clustername","taskDefinition":"@ecs.family","launchType":"FARGATE","count":1,"networkConfiguration":{"awsvpcConfiguration":{"subnets":["@ec2.subnetid"]}}}
ecs StopTask {"cluster":"@ecs.clustername","task":"@ecs.taskarn"}
ecs CreateService {"cluster":"@ecs.clustername","serviceName":"@name","taskDefinition":"@ecs.family","desiredCount":1,"launchType":"FARGATE","networkConfiguration":{"awsvpcConfiguration":{"subnets":["@ec2.subnetid"]}}}
ecs CreateService {"cluster":"@ecs.clustername","serviceName":"@name","taskDefinition":"@ecs.family","desiredCount":2,"launchType":"FARGATE","networkConfiguration":{"awsvpcConfiguration":{"subnets":["@ec2.subnetid"]}},"loadBalancers":[{"targetGroupArn":"@elbv2.targetgrouparn","containerName":"main","containerPort":80}]}
ecs UpdateService {"cluster":"@ecs.clustername","service":"@ecs.servicename","desiredCount":"@int:3"}
ecs UpdateService {"cluster":"@ecs.clustername","service":"@ecs.servicename","forceNewDeployment":true}
ecs DeleteService {"cluster":"@ecs.clustername","service":"@ecs.servicename","force":true}
ecs DescribeServices {"cluster":"@ecs.clustername","services":["@ecs.servicename"]}
ecs DescribeTasks {"cluster":"@ecs.clustername","tasks":["@ecs.taskarn"]}
ecs UpdateTaskProtection {"cluster":"@ecs.clustername","tasks":["@ecs.taskarn"],"protectionEnabled":true}
ecs GetTaskProtection {"cluster":"@ecs.clustername"}
ecs DeregisterTaskDefinition {"taskDefinition":"@ecs.taskdefinitionarn"}
ecs DeleteTaskDefinitions {"taskDefinitions":["@ecs.taskdefinitionarn"]}
ecs PutClusterCapacityProviders {"cluster":"@ecs.clustername","capacityProviders":["FARGATE","FARGATE_SPOT"],"defaultCapacityProviderStrategy":[{"capacityProvider":"FARGATE","weight":1}]}
ec2 CreateVpc {"CidrBlock":"10.1.0.0/16"}
ec2 CreateSubnet {"VpcId":"@ec2.vpcid","CidrBlock":"10.1.1.0/24","AvailabilityZone":"ap-northeast-1a"}
ec2 CreateSubnet {"VpcId":"@ec2.vpcid","CidrBlock":"10.1.2.0/24","AvailabilityZone":"ap-northeast-1c"}
rds CreateDBSubnetGroup {"DBSubnetGroupName":"@name","DBSubnetGroupDescription":"d","SubnetIds":["@ec2.subnetid","@ec2.subnetid"]}
rds CreateDBCluster {"DBClusterIdentifier":"@name","Engine":"aurora-postgresql","MasterUsername":"owner","MasterUserPassword":"password-1"}
rds CreateDBInstance {"DBInstanceIdentifier":"@name","DBInstanceClass":"db.t3.medium","Engine":"aurora-postgresql","DBClusterIdentifier":"@rds.dbclusteridentifier"}
rds DeleteDBCluster {"DBClusterIdentifier":"@rds.dbclusteridentifier","SkipFinalSnapshot":true}
rds DeleteDBCluster {"DBClusterIdentifier":"@rds.dbclusteridentifier","FinalDBSnapshotIdentifier":"snapshot-1"}
rds RestoreDBClusterFromSnapshot {"DBClusterIdentifier":"@name","SnapshotIdentifier":"@rds.dbclustersnapshotidentifier","Engine":"aurora-postgresql"}
rds ModifyDBCluster {"DBClusterIdentifier":"@rds.dbclusteridentifier","MasterUserPassword":"password-2"}
rds StopDBCluster {"DBClusterIdentifier":"@rds.dbclusteridentifier"}
rds StartDBCluster {"DBClusterIdentifier":"@rds.dbclusteridentifier"}
sqs CreateQueue {"QueueName":"@name"}
sqs CreateQueue {"QueueName":"queue-2.fifo","Attributes":{"FifoQueue":"true","ContentBasedDeduplication":"true"}}
sqs CreateQueue {"QueueName":"queue-3","Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:ap-northeast-1:000000000000:queue-1\",\"maxReceiveCount\":1}","VisibilityTimeout":"2"}}
sqs SetQueueAttributes {"QueueUrl":"@sqs.queueurl","Attributes":{"DelaySeconds":"3"}}
sqs GetQueueAttributes {"QueueUrl":"@sqs.queueurl","AttributeNames":["All"]}
sqs SendMessage {"QueueUrl":"@sqs.queueurl","MessageBody":"a"}
sqs SendMessage {"QueueUrl":"@sqs.queueurl","MessageBody":"b","MessageGroupId":"g"}
sqs SendMessageBatch {"QueueUrl":"@sqs.queueurl","Entries":[{"Id":"1","MessageBody":"a"},{"Id":"2","MessageBody":"b","DelaySeconds":2}]}
sqs ReceiveMessage {"QueueUrl":"@sqs.queueurl","MaxNumberOfMessages":10}
sqs ReceiveMessage {"QueueUrl":"@sqs.queueurl","WaitTimeSeconds":5}
sqs StartMessageMoveTask {"SourceArn":"arn:aws:sqs:ap-northeast-1:000000000000:queue-1"}
sqs AddPermission {"QueueUrl":"@sqs.queueurl","Label":"label-1","AWSAccountIds":["000000000000"],"Actions":["SendMessage"]}
sqs RemovePermission {"QueueUrl":"@sqs.queueurl","Label":"label-1"}
sqs ListMessageMoveTasks {"SourceArn":"arn:aws:sqs:ap-northeast-1:000000000000:queue-1"}
sqs CancelMessageMoveTask {"TaskHandle":"@sqs.taskhandle"}
sqs ChangeMessageVisibility {"QueueUrl":"@sqs.queueurl","ReceiptHandle":"@sqs.receipthandle","VisibilityTimeout":5}
sqs ChangeMessageVisibilityBatch {"QueueUrl":"@sqs.queueurl","Entries":[{"Id":"1","ReceiptHandle":"@sqs.receipthandle","VisibilityTimeout":5}]}
sqs DeleteMessage {"QueueUrl":"@sqs.queueurl","ReceiptHandle":"@sqs.receipthandle"}
sqs DeleteMessageBatch {"QueueUrl":"@sqs.queueurl","Entries":[{"Id":"1","ReceiptHandle":"@sqs.receipthandle"}]}
sns CreateTopic {"Name":"@name"}
sns Subscribe {"TopicArn":"@sns.topicarn","Protocol":"sqs","Endpoint":"arn:aws:sqs:ap-northeast-1:000000000000:queue-1","ReturnSubscriptionArn":true}
sns Subscribe {"TopicArn":"@sns.topicarn","Protocol":"http","Endpoint":"http://example.com/hook","ReturnSubscriptionArn":true}
sns Subscribe {"TopicArn":"@sns.topicarn","Protocol":"email","Endpoint":"a@example.com","ReturnSubscriptionArn":true}
sns Publish {"TopicArn":"@sns.topicarn","Message":"hello"}
sns PublishBatch {"TopicArn":"@sns.topicarn","PublishBatchRequestEntries":[{"Id":"1","Message":"a"},{"Id":"2","Message":"b"}]}
sns ConfirmSubscription {"TopicArn":"@sns.topicarn","Token":"@sns.token"}
sns AddPermission {"TopicArn":"@sns.topicarn","Label":"label-1","AWSAccountId":["000000000000"],"ActionName":["Publish"]}
sns RemovePermission {"TopicArn":"@sns.topicarn","Label":"label-1"}
sns SetTopicAttributes {"TopicArn":"@sns.topicarn","AttributeName":"DisplayName","AttributeValue":"d"}
sns SetSubscriptionAttributes {"SubscriptionArn":"@sns.subscriptionarn","AttributeName":"RawMessageDelivery","AttributeValue":"true"}
events PutRule {"Name":"@name","ScheduleExpression":"rate(1 minute)"}
events PutRule {"Name":"@name","EventPattern":"{\"source\":[\"simulated\",\"aws.ecs\"]}"}
events PutTargets {"Rule":"@events.rule.name|rule-1","Targets":[{"Id":"1","Arn":"arn:aws:sqs:ap-northeast-1:000000000000:queue-1"}]}
events PutTargets {"Rule":"@events.rule.name|rule-1","Targets":[{"Id":"2","Arn":"arn:aws:states:ap-northeast-1:000000000000:stateMachine:leaf","RoleArn":"arn:aws:iam::000000000000:role/role-1"}]}
events PutTargets {"Rule":"@events.rule.name|rule-1","Targets":[{"Id":"3","Arn":"@events.apidestinationarn","RoleArn":"arn:aws:iam::000000000000:role/role-1"}]}
events RemoveTargets {"Rule":"@events.rule.name|rule-1","Ids":["1"]}
events PutEvents {"Entries":[{"Source":"simulated","DetailType":"made","Detail":"{\"a\":1}"}]}
events TestEventPattern {"EventPattern":"{\"source\":[\"a\"]}","Event":"{\"id\":\"1\",\"source\":\"a\",\"account\":\"000000000000\",\"time\":\"2026-01-01T00:00:00Z\",\"region\":\"ap-northeast-1\",\"detail-type\":\"d\",\"resources\":[],\"detail\":{}}"}
events CreateConnection {"Name":"@name","AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"k","ApiKeyValue":"v"}}}
events CreateConnection {"Name":"@name","AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientID":"c","ClientSecret":"s"},"AuthorizationEndpoint":"https://example.com/token","HttpMethod":"POST"}}}
events UpdateConnection {"Name":"@events.connection.name","Description":"d"}
events CreateApiDestination {"Name":"@name","ConnectionArn":"@events.connectionarn","InvocationEndpoint":"https://example.com/in","HttpMethod":"POST"}
events UpdateApiDestination {"Name":"@events.apidestination.name","HttpMethod":"PUT"}
events CreateArchive {"ArchiveName":"@name","EventSourceArn":"arn:aws:events:ap-northeast-1:000000000000:event-bus/default"}
events StartReplay {"ReplayName":"@name","EventSourceArn":"@events.archivearn","EventStartTime":"@now-3600","EventEndTime":"@now-1","Destination":{"Arn":"arn:aws:events:ap-northeast-1:000000000000:event-bus/default"}}
events PutPermission {"StatementId":"s-1","Action":"events:PutEvents","Principal":"000000000000"}
events RemovePermission {"StatementId":"s-1"}
events ListRuleNamesByTarget {"TargetArn":"arn:aws:sqs:ap-northeast-1:000000000000:queue-1"}
lambda CreateFunction {"FunctionName":"function-1","Runtime":"python3.12","Handler":"index.handler","Role":"arn:aws:iam::000000000000:role/role-1","Code":{"ZipFile":"UEsDBBQAAAAAAAAAIQCJLXtlGwAAABsAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihlLCBjKTogcmV0dXJuIGVQSwECFAMUAAAAAAAAACEAiS17ZRsAAAAbAAAACAAAAAAAAAAAAAAAgAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAQQAAAAAA"}}
lambda CreateFunction {"FunctionName":"@name","Runtime":"nodejs22.x","Handler":"index.handler","Role":"arn:aws:iam::000000000000:role/role-1","Code":{"ZipFile":"UEsDBBQAAAAAAAAAIQCJLXtlGwAAABsAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihlLCBjKTogcmV0dXJuIGVQSwECFAMUAAAAAAAAACEAiS17ZRsAAAAbAAAACAAAAAAAAAAAAAAAgAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAQQAAAAAA"},"Publish":true}
lambda UpdateFunctionCode {"FunctionName":"function-1","ZipFile":"UEsDBBQAAAAAAAAAIQCJLXtlGwAAABsAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihlLCBjKTogcmV0dXJuIGVQSwECFAMUAAAAAAAAACEAiS17ZRsAAAAbAAAACAAAAAAAAAAAAAAAgAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAQQAAAAAA"}
lambda PublishLayerVersion {"LayerName":"layer-1","Content":{"ZipFile":"UEsDBBQAAAAAAAAAIQCJLXtlGwAAABsAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihlLCBjKTogcmV0dXJuIGVQSwECFAMUAAAAAAAAACEAiS17ZRsAAAAbAAAACAAAAAAAAAAAAAAAgAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAQQAAAAAA"}}
lambda PublishVersion {"FunctionName":"function-1"}
lambda CreateAlias {"FunctionName":"function-1","Name":"live","FunctionVersion":"$LATEST"}
lambda Invoke {"FunctionName":"function-1","InvocationType":"Event","Payload":"e30="}
lambda Invoke {"FunctionName":"function-1","Payload":"e30="}
lambda PutFunctionConcurrency {"FunctionName":"function-1","ReservedConcurrentExecutions":1}
lambda DeleteFunctionConcurrency {"FunctionName":"function-1"}
lambda AddPermission {"FunctionName":"function-1","StatementId":"s","Action":"lambda:InvokeFunction","Principal":"events.amazonaws.com"}
lambda CreateEventSourceMapping {"FunctionName":"function-1","EventSourceArn":"arn:aws:sqs:ap-northeast-1:000000000000:queue-1"}
lambda PutFunctionEventInvokeConfig {"FunctionName":"function-1","MaximumRetryAttempts":1}
lambda DeleteFunction {"FunctionName":"function-1"}
logs CreateLogGroup {"logGroupName":"@name"}
logs CreateLogStream {"logGroupName":"@logs.loggroupname","logStreamName":"@name"}
logs PutLogEvents {"logGroupName":"@logs.loggroupname","logStreamName":"@logs.logstreamname","logEvents":[{"timestamp":1767225600000,"message":"ERROR one"}]}
logs PutMetricFilter {"logGroupName":"@logs.loggroupname","filterName":"@name","filterPattern":"ERROR","metricTransformations":[{"metricName":"m","metricNamespace":"n","metricValue":"1"}]}
logs DeleteMetricFilter {"logGroupName":"@logs.loggroupname","filterName":"@logs.filtername"}
logs TestMetricFilter {"filterPattern":"ERROR","logEventMessages":["ERROR a","b"]}
logs FilterLogEvents {"logGroupName":"@logs.loggroupname","filterPattern":"ERROR"}
logs GetLogEvents {"logGroupName":"@logs.loggroupname","logStreamName":"@logs.logstreamname"}
logs PutRetentionPolicy {"logGroupName":"@logs.loggroupname","retentionInDays":7}
cloudwatch PutMetricAlarm {"AlarmName":"@name","Namespace":"n","MetricName":"m","Statistic":"Sum","Period":60,"EvaluationPeriods":1,"Threshold":1,"ComparisonOperator":"GreaterThanThreshold","AlarmActions":["arn:aws:sns:ap-northeast-1:000000000000:topic-1"]}
cloudwatch PutMetricData {"Namespace":"n","MetricData":[{"MetricName":"m","Value":5}]}
cloudwatch GetMetricStatistics {"Namespace":"n","MetricName":"m","StartTime":"@now-3600","EndTime":"@now+0","Period":60,"Statistics":["Sum"]}
cloudwatch GetMetricData {"StartTime":"@now-3600","EndTime":"@now+0","MetricDataQueries":[{"Id":"a","MetricStat":{"Metric":{"Namespace":"n","MetricName":"m"},"Period":60,"Stat":"Sum"}}]}
cloudwatch PutDashboard {"DashboardName":"@name","DashboardBody":"{\"widgets\":[]}"}
cloudwatch SetAlarmState {"AlarmName":"@cloudwatch.alarmname","StateValue":"ALARM","StateReason":"r"}
cloudwatch DescribeAlarmsForMetric {"Namespace":"n","MetricName":"m"}
iam CreateRole {"RoleName":"@name","AssumeRolePolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"states.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}
iam CreatePolicy {"PolicyName":"@name","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"}
kms CreateKey {}
kms CreateAlias {"AliasName":"alias/a-1","TargetKeyId":"@kms.keyid"}
kms UpdateAlias {"AliasName":"alias/a-1","TargetKeyId":"@kms.keyid"}
kms DeleteAlias {"AliasName":"alias/a-1"}
kms ScheduleKeyDeletion {"KeyId":"@kms.keyid","PendingWindowInDays":7}
s3 CreateBucket {"Bucket":"@name","CreateBucketConfiguration":{"LocationConstraint":"ap-northeast-1"}}
s3 PutObject {"Bucket":"@s3.bucket","Key":"@name","Body":"@bytes"}
s3 CopyObject {"Bucket":"bucket-1","Key":"copy-1","CopySource":"bucket-1/object-1"}
s3 CreateMultipartUpload {"Bucket":"bucket-1","Key":"parts-1"}
s3 UploadPart {"Bucket":"bucket-1","Key":"parts-1","UploadId":"@s3.uploadid","PartNumber":1,"Body":"@bytes"}
s3 CompleteMultipartUpload {"Bucket":"bucket-1","Key":"parts-1","UploadId":"@s3.uploadid","MultipartUpload":{"Parts":[{"PartNumber":1,"ETag":"@s3.etag"}]}}
s3 ListParts {"Bucket":"bucket-1","Key":"parts-1","UploadId":"@s3.uploadid"}
s3 AbortMultipartUpload {"Bucket":"bucket-1","Key":"parts-1","UploadId":"@s3.uploadid"}
s3 PutBucketVersioning {"Bucket":"bucket-1","VersioningConfiguration":{"Status":"Enabled"}}
s3 PutBucketNotificationConfiguration {"Bucket":"bucket-1","NotificationConfiguration":{"EventBridgeConfiguration":{}}}
secretsmanager CreateSecret {"Name":"@name","SecretString":"s"}
secretsmanager DeleteSecret {"SecretId":"@secretsmanager.secret.arn","RecoveryWindowInDays":7}
ssm PutParameter {"Name":"@name","Value":"v","Type":"String","Overwrite":true}
ecr CreateRepository {"repositoryName":"@name"}
ecr PutImage {"repositoryName":"@ecr.repositoryname","imageManifest":"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{\"digest\":\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"size\":1},\"layers\":[]}","imageTag":"t"}
elbv2 CreateLoadBalancer {"Name":"@name","Scheme":"internal","Subnets":["@ec2.subnetid","@ec2.subnetid"]}
elbv2 CreateTargetGroup {"Name":"@name","Protocol":"HTTP","Port":80,"VpcId":"@ec2.vpcid","TargetType":"ip"}
elbv2 CreateListener {"LoadBalancerArn":"@elbv2.loadbalancerarn","Protocol":"HTTP","Port":80,"DefaultActions":[{"Type":"forward","TargetGroupArn":"@elbv2.targetgrouparn"}]}
elbv2 RegisterTargets {"TargetGroupArn":"@elbv2.targetgrouparn","Targets":[{"Id":"10.1.1.10","Port":80}]}
sts AssumeRole {"RoleArn":"arn:aws:iam::000000000000:role/role-1","RoleSessionName":"session"}
applicationautoscaling RegisterScalableTarget {"ServiceNamespace":"ecs","ResourceId":"service/cluster-1/service-1","ScalableDimension":"ecs:service:DesiredCount","MinCapacity":0,"MaxCapacity":3}
states CreateStateMachine {"name":"worker","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:states:ap-northeast-1:000000000000:activity:activity-1\",\"TimeoutSeconds\":900,\"End\":true}}}","roleArn":"arn:aws:iam::000000000000:role/role-1"}
states CreateStateMachine {"name":"mapper","definition":"{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"MaxConcurrency\":1,\"ItemProcessor\":{\"ProcessorConfig\":{\"Mode\":\"DISTRIBUTED\",\"ExecutionType\":\"STANDARD\"},\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}},\"ItemsPath\":\"$.items\",\"End\":true}}}","roleArn":"arn:aws:iam::000000000000:role/role-1"}
states CreateActivity {"name":"activity-1"}
states StartExecution {"stateMachineArn":"arn:aws:states:ap-northeast-1:000000000000:stateMachine:worker"}
states StartExecution {"stateMachineArn":"arn:aws:states:ap-northeast-1:000000000000:stateMachine:mapper","input":"{\"items\":[1,2,3]}"}
states GetActivityTask {"activityArn":"arn:aws:states:ap-northeast-1:000000000000:activity:activity-1","workerName":"w"}
states ListMapRuns {"executionArn":"@states.executionarn"}
states DescribeMapRun {"mapRunArn":"@states.maprunarn"}
applicationautoscaling PutScalingPolicy {"PolicyName":"p","ServiceNamespace":"ecs","ResourceId":"service/cluster-1/service-1","ScalableDimension":"ecs:service:DesiredCount","PolicyType":"TargetTrackingScaling","TargetTrackingScalingPolicyConfiguration":{"TargetValue":50,"PredefinedMetricSpecification":{"PredefinedMetricType":"ECSServiceAverageCPUUtilization"}}}
applicationautoscaling DeleteScalingPolicy {"PolicyName":"p","ServiceNamespace":"ecs","ResourceId":"service/cluster-1/service-1","ScalableDimension":"ecs:service:DesiredCount"}
applicationautoscaling DeregisterScalableTarget {"ServiceNamespace":"ecs","ResourceId":"service/cluster-1/service-1","ScalableDimension":"ecs:service:DesiredCount"}
applicationautoscaling ListTagsForResource {"ResourceARN":"@applicationautoscaling.scalabletargetarn"}
applicationautoscaling TagResource {"ResourceARN":"@applicationautoscaling.scalabletargetarn","Tags":{"a":"b"}}
applicationautoscaling UntagResource {"ResourceARN":"@applicationautoscaling.scalabletargetarn","TagKeys":["a"]}
ecs CreateCluster {"clusterName":"cluster-1"}
ecs CreateService {"cluster":"cluster-1","serviceName":"service-1","taskDefinition":"@ecs.family","desiredCount":1,"launchType":"FARGATE","networkConfiguration":{"awsvpcConfiguration":{"subnets":["@ec2.subnetid"]}}}
ec2 AssociateRouteTable {"RouteTableId":"@ec2.routetableid","SubnetId":"@ec2.subnetid"}
ec2 DisassociateRouteTable {"AssociationId":"@ec2.associationid"}
ec2 AuthorizeSecurityGroupIngress {"GroupId":"@ec2.groupid","IpPermissions":[{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]}
ec2 AuthorizeSecurityGroupEgress {"GroupId":"@ec2.groupid","IpPermissions":[{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]}
ec2 RevokeSecurityGroupIngress {"GroupId":"@ec2.groupid","IpPermissions":[{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]}
ec2 RevokeSecurityGroupEgress {"GroupId":"@ec2.groupid","IpPermissions":[{"IpProtocol":"tcp","FromPort":80,"ToPort":80,"IpRanges":[{"CidrIp":"10.0.0.0/8"}]}]}
ec2 ModifySecurityGroupRules {"GroupId":"@ec2.groupid","SecurityGroupRules":[{"SecurityGroupRuleId":"@ec2.securitygroupruleid","SecurityGroupRule":{"IpProtocol":"tcp","FromPort":81,"ToPort":81,"CidrIpv4":"10.0.0.0/8"}}]}
ec2 CreateSecurityGroup {"GroupName":"@name","Description":"d","VpcId":"@ec2.vpcid"}
ec2 DeleteSecurityGroup {"GroupId":"@ec2.groupid"}
ec2 DeleteSubnet {"SubnetId":"@ec2.subnetid"}
ec2 CreateNatGateway {"SubnetId":"@ec2.subnetid","AllocationId":"@ec2.allocationid"}
ec2 DeleteNatGateway {"NatGatewayId":"@ec2.natgatewayid"}
ec2 CreateRouteTable {"VpcId":"@ec2.vpcid"}
ec2 CreateRoute {"RouteTableId":"@ec2.routetableid","DestinationCidrBlock":"0.0.0.0/0","GatewayId":"@ec2.internetgatewayid"}
ec2 DeleteRoute {"RouteTableId":"@ec2.routetableid","DestinationCidrBlock":"0.0.0.0/0"}
ec2 CreateVpcEndpoint {"VpcId":"@ec2.vpcid","ServiceName":"com.amazonaws.ap-northeast-1.s3"}
ec2 ModifyVpcEndpoint {"VpcEndpointId":"@ec2.vpcendpointid","ResetPolicy":true}
ec2 AttachInternetGateway {"InternetGatewayId":"@ec2.internetgatewayid","VpcId":"@ec2.vpcid"}
ec2 DetachInternetGateway {"InternetGatewayId":"@ec2.internetgatewayid","VpcId":"@ec2.vpcid"}
ec2 ModifySubnetAttribute {"SubnetId":"@ec2.subnetid","MapPublicIpOnLaunch":{"Value":true}}
ec2 ModifyVpcAttribute {"VpcId":"@ec2.vpcid","EnableDnsHostnames":{"Value":true}}
ec2 AllocateAddress {"Domain":"vpc"}
ec2 ReleaseAddress {"AllocationId":"@ec2.allocationid"}
ecr SetRepositoryPolicy {"repositoryName":"@ecr.repositoryname","policyText":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:root\"},\"Action\":\"*\",\"Resource\":\"*\"}]}"}
ecr GetRepositoryPolicy {"repositoryName":"@ecr.repositoryname"}
ecr DeleteRepositoryPolicy {"repositoryName":"@ecr.repositoryname"}
ecr PutLifecyclePolicy {"repositoryName":"@ecr.repositoryname","lifecyclePolicyText":"{\"rules\":[{\"rulePriority\":1,\"selection\":{\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\",\"countNumber\":1},\"action\":{\"type\":\"expire\"}}]}"}
ecr GetLifecyclePolicy {"repositoryName":"@ecr.repositoryname"}
ecr DeleteLifecyclePolicy {"repositoryName":"@ecr.repositoryname"}
elbv2 DescribeListeners {"LoadBalancerArn":"@elbv2.loadbalancerarn"}
elbv2 DescribeLoadBalancerAttributes {"LoadBalancerArn":"@elbv2.loadbalancerarn"}
elbv2 ModifyLoadBalancerAttributes {"LoadBalancerArn":"@elbv2.loadbalancerarn","Attributes":[{"Key":"idle_timeout.timeout_seconds","Value":"30"}]}
elbv2 SetSecurityGroups {"LoadBalancerArn":"@elbv2.loadbalancerarn","SecurityGroups":["@ec2.groupid"]}
elbv2 SetSubnets {"LoadBalancerArn":"@elbv2.loadbalancerarn","Subnets":["@ec2.subnetid","@ec2.subnetid"]}
elbv2 DescribeRules {"ListenerArn":"@elbv2.listenerarn"}
elbv2 ModifyListener {"ListenerArn":"@elbv2.listenerarn","Port":81}
elbv2 DeleteListener {"ListenerArn":"@elbv2.listenerarn"}
events CancelReplay {"ReplayName":"@events.replayname|replay-1"}
events DescribeReplay {"ReplayName":"@events.replayname|replay-1"}
events DescribeApiDestination {"Name":"@events.apidestination.name"}
events DeleteApiDestination {"Name":"@events.apidestination.name"}
cloudwatch TagResource {"ResourceARN":"arn:aws:cloudwatch:ap-northeast-1:000000000000:alarm:metricalarm-1","Tags":[{"Key":"a","Value":"b"}]}
cloudwatch UntagResource {"ResourceARN":"arn:aws:cloudwatch:ap-northeast-1:000000000000:alarm:metricalarm-1","TagKeys":["a"]}
cloudwatch ListTagsForResource {"ResourceARN":"arn:aws:cloudwatch:ap-northeast-1:000000000000:alarm:metricalarm-1"}
logs ListTagsForResource {"resourceArn":"arn:aws:logs:ap-northeast-1:000000000000:log-group:loggroup-1"}
logs UntagResource {"resourceArn":"arn:aws:logs:ap-northeast-1:000000000000:log-group:loggroup-1","tagKeys":["a"]}
iam AttachRolePolicy {"RoleName":"@iam.rolename","PolicyArn":"@iam.policy.arn"}
iam DetachRolePolicy {"RoleName":"@iam.rolename","PolicyArn":"@iam.policy.arn"}
iam PutRolePolicy {"RoleName":"@iam.rolename","PolicyName":"inline","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"}
iam GetRolePolicy {"RoleName":"@iam.rolename","PolicyName":"inline"}
iam DeleteRolePolicy {"RoleName":"@iam.rolename","PolicyName":"inline"}
iam CreatePolicyVersion {"PolicyArn":"@iam.policy.arn","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}"}
iam GetPolicyVersion {"PolicyArn":"@iam.policy.arn","VersionId":"v1"}
iam SetDefaultPolicyVersion {"PolicyArn":"@iam.policy.arn","VersionId":"v2"}
iam DeletePolicyVersion {"PolicyArn":"@iam.policy.arn","VersionId":"v2"}
iam PutRolePermissionsBoundary {"RoleName":"@iam.rolename","PermissionsBoundary":"@iam.policy.arn"}
iam DeleteRolePermissionsBoundary {"RoleName":"@iam.rolename"}
iam CreateUser {"UserName":"@name"}
iam CreateGroup {"GroupName":"@name"}
iam AddUserToGroup {"UserName":"@iam.username","GroupName":"@iam.groupname"}
iam RemoveUserFromGroup {"UserName":"@iam.username","GroupName":"@iam.groupname"}
iam PutUserPolicy {"UserName":"@iam.username","PolicyName":"inline","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"}
iam DeleteUserPolicy {"UserName":"@iam.username","PolicyName":"inline"}
iam AttachGroupPolicy {"GroupName":"@iam.groupname","PolicyArn":"@iam.policy.arn"}
iam DetachGroupPolicy {"GroupName":"@iam.groupname","PolicyArn":"@iam.policy.arn"}
iam CreateAccessKey {"UserName":"@iam.username"}
iam DeleteAccessKey {"UserName":"@iam.username","AccessKeyId":"@iam.accesskey.accesskeyid"}
iam GenerateServiceLastAccessedDetails {"Arn":"@iam.role.arn"}
iam UpdateAssumeRolePolicy {"RoleName":"@iam.rolename","PolicyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"Service\":\"states.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}"}
logs AssociateKmsKey {"logGroupName":"@logs.loggroupname","kmsKeyId":"@kms.keymetadata.arn"}
logs PutLogGroupDeletionProtection {"logGroupIdentifier":"@logs.loggroupname","deletionProtectionEnabled":false}
rds ModifyDBSubnetGroup {"DBSubnetGroupName":"@rds.dbsubnetgroupname","SubnetIds":["@ec2.subnetid","@ec2.subnetid"]}
rds DeleteDBSubnetGroup {"DBSubnetGroupName":"@rds.dbsubnetgroupname"}
rds RestoreDBClusterFromSnapshot {"DBClusterIdentifier":"restored-1","SnapshotIdentifier":"snapshot-1","Engine":"aurora-postgresql"}
secretsmanager PutResourcePolicy {"SecretId":"@secretsmanager.secret.arn","ResourcePolicy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:root\"},\"Action\":\"*\",\"Resource\":\"*\"}]}"}
secretsmanager ValidateResourcePolicy {"ResourcePolicy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:root\"},\"Action\":\"*\",\"Resource\":\"*\"}]}"}
secretsmanager UpdateSecretVersionStage {"SecretId":"@secretsmanager.secret.arn","VersionStage":"stage","MoveToVersionId":"@secretsmanager.versionid"}
sqs CancelMessageMoveTask {"TaskHandle":"@sqs.taskhandle"}
sqs SendMessage {"QueueUrl":"http://127.0.0.1:4566/000000000000/queue-3","MessageBody":"c"}
sqs ReceiveMessage {"QueueUrl":"http://127.0.0.1:4566/000000000000/queue-3"}
ssm GetParameterHistory {"Name":"@ssm.parameter.name"}
ssm GetParametersByPath {"Path":"/"}
ssm PutParameter {"Name":"/a/b","Value":"v","Type":"SecureString","Overwrite":true}
ssm LabelParameterVersion {"Name":"@ssm.parameter.name","Labels":["l"]}
ssm UnlabelParameterVersion {"Name":"@ssm.parameter.name","ParameterVersion":1,"Labels":["l"]}
ssm AddTagsToResource {"ResourceType":"Parameter","ResourceId":"@ssm.parameter.name","Tags":[{"Key":"a","Value":"b"}]}
ssm RemoveTagsFromResource {"ResourceType":"Parameter","ResourceId":"@ssm.parameter.name","TagKeys":["a"]}
ssm ListTagsForResource {"ResourceType":"Parameter","ResourceId":"@ssm.parameter.name"}
s3 CreateBucket {"Bucket":"bucket-1","CreateBucketConfiguration":{"LocationConstraint":"ap-northeast-1"}}
s3 CreateBucket {"Bucket":"bucket-4","ObjectLockEnabledForBucket":true,"CreateBucketConfiguration":{"LocationConstraint":"ap-northeast-1"}}
s3 PutObject {"Bucket":"@s3.bucket","Key":"object-1","Body":"@bytes"}
s3 GetObject {"Bucket":"bucket-1","Key":"object-1"}
s3 HeadObject {"Bucket":"bucket-1","Key":"object-1"}
s3 GetObjectAcl {"Bucket":"bucket-1","Key":"object-1"}
s3 PutObjectAcl {"Bucket":"bucket-1","Key":"object-1","ACL":"bucket-owner-full-control"}
s3 GetObjectAttributes {"Bucket":"bucket-1","Key":"object-1","ObjectAttributes":["ETag"]}
s3 PutObjectTagging {"Bucket":"bucket-1","Key":"object-1","Tagging":{"TagSet":[{"Key":"a","Value":"b"}]}}
s3 GetObjectTagging {"Bucket":"bucket-1","Key":"object-1"}
s3 DeleteObjectTagging {"Bucket":"bucket-1","Key":"object-1"}
s3 DeleteObject {"Bucket":"bucket-1","Key":"object-1"}
s3 DeleteObjects {"Bucket":"bucket-1","Delete":{"Objects":[{"Key":"object-1"}]}}
s3 PutObjectLockConfiguration {"Bucket":"bucket-4","ObjectLockConfiguration":{"ObjectLockEnabled":"Enabled","Rule":{"DefaultRetention":{"Mode":"GOVERNANCE","Days":1}}}}
s3 GetObjectLockConfiguration {"Bucket":"bucket-4"}
s3 PutObjectLegalHold {"Bucket":"bucket-4","Key":"object-1","LegalHold":{"Status":"OFF"}}
s3 GetObjectLegalHold {"Bucket":"bucket-4","Key":"object-1"}
s3 PutObjectRetention {"Bucket":"bucket-4","Key":"object-1","Retention":{"Mode":"GOVERNANCE","RetainUntilDate":"@now+3600"}}
s3 GetObjectRetention {"Bucket":"bucket-4","Key":"object-1"}
s3 PutObject {"Bucket":"bucket-4","Key":"object-1","Body":"@bytes"}
s3 CopyObject {"Bucket":"bucket-1","Key":"copy-1","CopySource":"bucket-4/object-1"}
s3 UploadPartCopy {"Bucket":"bucket-1","Key":"parts-1","UploadId":"@s3.uploadid","PartNumber":1,"CopySource":"bucket-1/object-1"}
s3 PutBucketAccelerateConfiguration {"Bucket":"bucket-1","AccelerateConfiguration":{"Status":"Enabled"}}
s3 PutBucketAcl {"Bucket":"bucket-1","ACL":"private"}
s3 PutBucketAnalyticsConfiguration {"Bucket":"bucket-1","Id":"i","AnalyticsConfiguration":{"Id":"i","StorageClassAnalysis":{}}}
s3 GetBucketAnalyticsConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 DeleteBucketAnalyticsConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 PutBucketCors {"Bucket":"bucket-1","CORSConfiguration":{"CORSRules":[{"AllowedMethods":["GET"],"AllowedOrigins":["*"]}]}}
s3 GetBucketCors {"Bucket":"bucket-1"}
s3 DeleteBucketCors {"Bucket":"bucket-1"}
s3 PutBucketEncryption {"Bucket":"bucket-1","ServerSideEncryptionConfiguration":{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}}
s3 DeleteBucketEncryption {"Bucket":"bucket-1"}
s3 PutBucketIntelligentTieringConfiguration {"Bucket":"bucket-1","Id":"i","IntelligentTieringConfiguration":{"Id":"i","Status":"Enabled","Tierings":[{"Days":90,"AccessTier":"ARCHIVE_ACCESS"}]}}
s3 GetBucketIntelligentTieringConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 DeleteBucketIntelligentTieringConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 PutBucketInventoryConfiguration {"Bucket":"bucket-1","Id":"i","InventoryConfiguration":{"Id":"i","IsEnabled":true,"IncludedObjectVersions":"All","Schedule":{"Frequency":"Daily"},"Destination":{"S3BucketDestination":{"Bucket":"arn:aws:s3:::bucket-1","Format":"CSV"}}}}
s3 GetBucketInventoryConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 DeleteBucketInventoryConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 ListBucketInventoryConfigurations {"Bucket":"bucket-1"}
s3 PutBucketLifecycleConfiguration {"Bucket":"bucket-1","LifecycleConfiguration":{"Rules":[{"ID":"r","Status":"Enabled","Filter":{"Prefix":""},"Expiration":{"Days":1}}]}}
s3 GetBucketLifecycleConfiguration {"Bucket":"bucket-1"}
s3 DeleteBucketLifecycle {"Bucket":"bucket-1"}
s3 PutBucketLogging {"Bucket":"bucket-1","BucketLoggingStatus":{}}
s3 PutBucketMetricsConfiguration {"Bucket":"bucket-1","Id":"i","MetricsConfiguration":{"Id":"i"}}
s3 GetBucketMetricsConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 DeleteBucketMetricsConfiguration {"Bucket":"bucket-1","Id":"i"}
s3 PutBucketOwnershipControls {"Bucket":"bucket-1","OwnershipControls":{"Rules":[{"ObjectOwnership":"BucketOwnerPreferred"}]}}
s3 PutBucketPolicy {"Bucket":"bucket-1","Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:root\"},\"Action\":\"s3:GetObject\",\"Resource\":\"arn:aws:s3:::bucket-1/*\"}]}"}
s3 GetBucketPolicy {"Bucket":"bucket-1"}
s3 GetBucketPolicyStatus {"Bucket":"bucket-1"}
s3 DeleteBucketPolicy {"Bucket":"bucket-1"}
s3 PutBucketReplication {"Bucket":"bucket-1","ReplicationConfiguration":{"Role":"arn:aws:iam::000000000000:role/role-1","Rules":[{"Status":"Enabled","Prefix":"","Destination":{"Bucket":"arn:aws:s3:::bucket-1"}}]}}
s3 GetBucketReplication {"Bucket":"bucket-1"}
s3 DeleteBucketReplication {"Bucket":"bucket-1"}
s3 PutBucketTagging {"Bucket":"bucket-1","Tagging":{"TagSet":[{"Key":"a","Value":"b"}]}}
s3 GetBucketTagging {"Bucket":"bucket-1"}
s3 DeleteBucketTagging {"Bucket":"bucket-1"}
s3 PutBucketWebsite {"Bucket":"bucket-1","WebsiteConfiguration":{"IndexDocument":{"Suffix":"index.html"}}}
s3 GetBucketWebsite {"Bucket":"bucket-1"}
s3 DeleteBucketWebsite {"Bucket":"bucket-1"}
s3 GetPublicAccessBlock {"Bucket":"bucket-1"}
)RECIPES";

struct Recipes {
  Recipes() {
    std::istringstream lines{recipe_lines};
    std::string service;
    std::string operation;
    std::string input;
    while (lines >> service >> operation && std::getline(lines, input)) {
      Result<json::value> tree = parse_json(input);
      KIBAN_CHECK(tree && tree->is_object(), "a recipe is not a JSON object: " + input);
      by_operation[fmt::format("{}:{}", service, operation)].push_back(
          std::move(tree->get_object()));
    }
  }
  std::map<std::string, std::vector<json::object>> by_operation{};
};

const std::map<std::string, std::vector<std::string>, std::less<>>& samples() {
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]})";
  static const std::map<std::string, std::vector<std::string>, std::less<>> all{
      {"policy", {policy}},
      {"policydocument", {policy}},
      {"assumerolepolicydocument", {policy}},
      {"rolearn", {"arn:aws:iam::000000000000:role/role-1"}},
      {"cidrblock", {"10.1.0.0/16", "10.1.1.0/24", "10.2.0.0/16"}},
      {"cidrip", {"10.0.0.0/8", "0.0.0.0/0"}},
      {"destinationcidrblock", {"0.0.0.0/0"}},
      {"scheduleexpression", {"rate(1 minute)", "rate(5 minutes)", "cron(0 12 * * ? *)"}},
      {"eventpattern", {R"({"source":["a"]})", R"({"detail":{"a":[1]}})"}},
      {"resourcetype", {"vpc", "subnet"}},
      {"servicenamespace", {"ecs"}},
      {"scalabledimension", {"ecs:service:DesiredCount"}},
      {"expectedbucketowner", {"000000000000"}},
      {"account", {"000000000000"}},
      {"nexttoken", {}},
      {"tagkey", {"a", "b"}},
  };
  return all;
}

}  // namespace

std::vector<const json::object*> find_recipes(std::string_view service,
                                              std::string_view operation) {
  static const Recipes recipes;
  std::vector<const json::object*> found;
  const auto list = recipes.by_operation.find(fmt::format("{}:{}", service, operation));
  if (list != recipes.by_operation.end())
    for (const json::object& recipe : list->second) found.push_back(&recipe);
  return found;
}

std::optional<std::string> sample_text(Random& random, std::string_view /*service*/,
                                       std::string_view member) {
  const auto found = samples().find(member);
  if (found == samples().end() || found->second.empty()) return std::nullopt;
  return found->second[random.below(found->second.size())];
}

}  // namespace kiban::simulate
