{{- define "pika-operator.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "pika-operator.fullname" -}}
{{- $name := include "pika-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- /* What belongs to no namespace: two releases of one name in two namespaces must not meet. */ -}}
{{- define "pika-operator.clusterName" -}}
{{ printf "%s:%s" .Release.Namespace (include "pika-operator.fullname" .) }}
{{- end }}

{{- define "pika-operator.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary (include "pika-operator.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "pika-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{- /* A selector can never change: nothing in it may come from values that people change. Clusters' NetworkPolicies let
the operator in by its name. */ -}}
{{- define "pika-operator.selector" -}}
app.kubernetes.io/name: pika-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "pika-operator.labels" -}}
app.kubernetes.io/name: pika-operator
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: pika
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pika-operator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "pika-operator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* The version of a definition that is live and newer than the chart's, or nothing. Without a server: nothing. */ -}}
{{- define "pika-operator.newerCrd" -}}
{{- $live := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" .name -}}
{{- $liveVersion := dig "metadata" "labels" "app.kubernetes.io/version" "" ($live | default dict) -}}
{{- if $liveVersion -}}
{{- if gt (semver .version | (semver $liveVersion).Compare) 0 }}{{ $liveVersion }}{{ end -}}
{{- end -}}
{{- end }}
