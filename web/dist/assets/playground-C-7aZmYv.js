import{t as e}from"./vendor-graphiql-CurrqO76.js";import{r as t,t as n}from"./vendor-react-BMFD19Fs.js";import{t as r}from"./icon-DY02OqsQ.js";import{Y as i,g as a}from"./vendor-graphql-CBFkYbq0.js";import{t as o}from"./vendor-graphql-ws-DkNgJc21.js";var s=n();function c(e,t=4){let n=1e3/t,r=0,i=null,a=-1/0,o=null,s=()=>{if(clearTimeout(o),o=null,i===null)return;let t=i;i=null,a=performance.now(),e.next({...t,extensions:{...t.extensions,eventsSeen:r}})};return{next(e){if(r++,i=e,o!==null)return;let t=a+n-performance.now();t<=0?s():o=setTimeout(s,t)},error(t){s(),e.error(t)},complete(){s(),e.complete()},stop(){clearTimeout(o),o=null,i=null}}}function l({url:e,socketUrl:t,perSecond:n=4,webSocketImpl:r}){return(i,a={})=>{let o=a.headers??{},{params:s,kind:c}=u(i);return c===`subscription`?f({params:s,headers:o,socketUrl:t,perSecond:n,webSocketImpl:r}):d({params:s,headers:o,url:e})}}function u(e){let t;try{t=i(e.query)}catch{return{params:e,kind:null}}let n=a(t,e.operationName);return!n&&e.operationName&&(n=a(t))&&(e={...e,operationName:void 0}),{params:e,kind:n?.operation??null}}async function d({params:e,headers:t={},url:n}){let r=await fetch(n,{method:`POST`,headers:{"content-type":`application/json`,accept:`application/json`,...t},body:JSON.stringify(e)}),i=await r.text();try{return JSON.parse(i)}catch{throw Error(`${r.status} ${r.statusText}: ${i.slice(0,500)}`)}}function f({params:e,headers:t,socketUrl:n,perSecond:r,webSocketImpl:i}){return{subscribe(a){let s=!1,l=o({url:n,webSocketImpl:i,connectionParams:{headers:t},retryAttempts:10,shouldRetry:()=>s,on:{connected:()=>{s=!0}}}),u=c(a,r),d=l.subscribe(e,{next:e=>u.next(e),complete:()=>u.complete(),error:e=>{Array.isArray(e)?(u.next({errors:e}),u.complete()):u.error(p(e))}});return{unsubscribe(){u.stop(),d()}}}}}function p(e){if(e instanceof Error)return e;if(typeof e?.code==`number`){let t=[e.code,e.reason].filter(Boolean).join(` `);return Error(e.code===1006?`the connection to the gateway failed or was cut (1006)`:`the gateway closed the connection: ${t}`)}return Error(`the connection to the gateway failed`)}var m={live_pnl:[`instrument_id`,`symbol`,`latest_price`,`market_value`,`theoretical_pnl`]},h=`# Which sources does this gateway have?
query Sources {
  sources {
    name
    field
    state
    error
    rows
  }
}
`,g=`# The state of every source.
query Sources {
  sources {
    name
    field
    state
    error
    rows
    subscribers
    lag
    asOf
  }
}
`;function _(e){let t=e.find(e=>e.name===`live_pnl`&&e.columns.length>0)??e.find(e=>e.columns.length>0);return t?[{query:v(t)},{query:g}]:[{query:h}]}function v(e){return`# Every row, then every change of one.
# Start and stop: the button, or Ctrl-Enter.
# The newest is shown; eventsSeen counts all.
subscription ${b(e)} {
  ${e.field} {
    operation
    data {
${y(e).map(e=>`      ${e}\n`).join(``)}    }
    fields
    timestamp
  }
}
`}function y({name:e,columns:t}){let n=new Map(t.map(e=>[e.databaseName,e.name])),r=m[e]??[];if(r.length>0&&r.every(e=>n.has(e)))return r.map(e=>n.get(e));let i=t.filter(e=>e.key),a=t.filter(e=>!e.key);return[...i,...a.slice(0,Math.max(1,5-i.length))].map(e=>e.name)}function b({field:e,typePrefix:t}){let n=t||e;return n[0].toUpperCase()+n.slice(1)}function x(e,t=S()){if(!t)return null;let n=`tycostream:${e.map(e=>e.field).sort().join(`,`)}:`,r=()=>{let e=[];for(let r=0;r<t.length;r++){let i=t.key(r);i?.startsWith(n)&&e.push(i)}return e};return{getItem:e=>t.getItem(n+e),setItem:(e,r)=>t.setItem(n+e,r),removeItem:e=>t.removeItem(n+e),clear:()=>r().forEach(e=>t.removeItem(e)),get length(){return r().length}}}function S(){try{return globalThis.localStorage??null}catch{return null}}var C=t(),w=new URL(`graphql`,location.href).href,T=w.replace(/^http/,`ws`);async function E(){try{return(await d({params:{query:`{ sources { name field typePrefix columns { name databaseName key } } }`},url:w})).data?.sources??[]}catch{return[]}}var D=await E();(0,s.createRoot)(document.getElementById(`playground`)).render((0,C.jsx)(e,{fetcher:l({url:w,socketUrl:T}),defaultTabs:_(D),storage:x(D),defaultEditorToolsVisibility:!1,schemaDescription:!0,children:(0,C.jsx)(e.Logo,{children:(0,C.jsxs)(`span`,{className:`wordmark`,children:[(0,C.jsx)(`img`,{src:r,alt:``}),`tycostream`]})})}));